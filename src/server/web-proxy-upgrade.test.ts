import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { type TestContext, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { waitUntil } from '../base/deadline.ts';
import { get, opened, start, startWebPlace } from './suite-web-proxy.ts';

const timeout = 20_000;

/** A workspace that answers each message with the same in capitals. */
async function aChat(t: TestContext) {
  const place = await startWebPlace(t, { web: (_request, response) => response.writeHead(404).end('no page') });
  const sockets = new WebSocketServer({ server: place.programs.web, path: '/chat' });
  sockets.on('connection', (socket) => {
    socket.send('welcome');
    socket.on('message', (bytes, binary) => socket.send(binary ? bytes : String(bytes).toUpperCase(), { binary }));
  });
  t.after(() => sockets.close());
  const { url, cookie } = await opened(await place.urlOf('web'));
  const open = (headers: Record<string, string>, path = '/chat') => {
    const socket = new WebSocket(`ws://127.0.0.1:${url.port}${path}`, { headers: { host: url.host, ...headers } });
    t.after(() => socket.terminate());
    return socket;
  };
  return { place, sockets, url, cookie, open };
}

async function refusal(socket: WebSocket): Promise<number | undefined> {
  socket.on('error', () => undefined);
  const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  return answer.statusCode;
}

test('a WebSocket goes through, from the first byte to the last', { timeout }, async (t) => {
  const { open, cookie, url, sockets } = await aChat(t);
  const socket = open({ cookie, origin: url.origin });
  const said: string[] = [];
  socket.on('message', (bytes: Buffer) => said.push(bytes.length > 100 ? `${bytes.length} bytes` : String(bytes)));
  await once(socket, 'open');

  socket.send('hello');
  socket.send(Buffer.alloc(3_000_000));
  await waitUntil('all to come back', () => said.length === 3);
  socket.close(4000, 'enough');
  const [code] = await once(socket, 'close');

  assert.deepEqual(said, ['welcome', 'HELLO', '3000000 bytes']);
  assert.equal(code, 4000);
  await waitUntil('the workspace to see the end', () => sockets.clients.size === 0);
});

test('a browser that is gone ends the WebSocket at the workspace, and the other way round', { timeout }, async (t) => {
  const { open, cookie, url, sockets } = await aChat(t);
  const one = open({ cookie, origin: url.origin });
  await once(one, 'open');
  one.terminate();
  await waitUntil('the workspace to see that', () => sockets.clients.size === 0);

  const other = open({ cookie, origin: url.origin });
  await once(other, 'open');
  for (const client of sockets.clients) client.terminate();

  await once(other, 'close');
});

test('what a workspace answers instead is passed on', { timeout }, async (t) => {
  const { open, cookie, url } = await aChat(t);

  assert.equal(await refusal(open({ cookie, origin: url.origin }, '/elsewhere')), 400);
});

test('a WebSocket of a page elsewhere, of nobody, or to a port that is not there is refused', {
  timeout,
}, async (t) => {
  const { open, cookie, place, sockets } = await aChat(t);

  assert.equal(await refusal(open({ cookie, origin: 'http://evil.example' })), 403);
  assert.equal(await refusal(open({ cookie, origin: 'null' })), 403);
  assert.equal(await refusal(open({})), 401);
  const missing = await opened(await place.urlOf('missing'));
  assert.equal(await refusal(open({ host: missing.url.host, cookie: missing.cookie })), 502);
  assert.equal(sockets.clients.size, 0);
});

test('no other protocol is switched to', { timeout }, async (t) => {
  const { url, cookie } = await aChat(t);
  const request = start(url, { headers: { cookie, connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c' } });
  request.end();

  const [answer] = (await once(request, 'response')) as [IncomingMessage];

  assert.equal(answer.statusCode, 400);
});

test('WebSockets to one port are so many at most, and leave room for requests', { timeout }, async (t) => {
  const { open, cookie, url } = await aChat(t);
  const sockets = Array.from({ length: 16 }, () => open({ cookie, origin: url.origin }));
  await Promise.all(sockets.map((socket) => once(socket, 'open')));

  assert.equal(await refusal(open({ cookie, origin: url.origin })), 503);
  assert.equal((await get(url, { headers: { cookie } })).status, 404);
});
