import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { WebSocket } from 'ws';
import { waitUntil } from '../base/deadline.ts';
import { type Close, sessionLimits, sessionSubprotocol, sessionsPath } from '../contracts/session-wire.ts';
import { encodeFrame } from '../session/frame.ts';
import { FrameLink } from '../session/frame-link.ts';
import { CallerSockets } from './caller-sockets.ts';
import { startServer, type TestServer } from './suite-server.ts';
import { anOpen, callSession, linkOf, quiet, startHost } from './suite-sessions.ts';

interface Knock {
  readonly headers?: Record<string, string>;
  readonly ticket?: string;
  readonly offers?: readonly string[];
}

/** A WebSocket, or the status with which it was refused. */
async function knock(
  t: TestContext,
  { url }: TestServer,
  { headers = {}, ticket, offers = [sessionSubprotocol] }: Knock,
) {
  const query = ticket === undefined ? '' : `?ticket=${ticket}`;
  const socket = new WebSocket(`${url.replace('http', 'ws')}${sessionsPath}${query}`, [...offers], { headers });
  t.after(() => socket.terminate());
  socket.on('error', () => undefined);
  const { promise, resolve } = Promise.withResolvers<WebSocket | number>();
  socket.once('open', () => resolve(socket));
  socket.once('unexpected-response', (_, response) => resolve(response.statusCode ?? 0));
  return promise;
}

async function opened(t: TestContext, server: TestServer): Promise<WebSocket> {
  const socket = await knock(t, server, { headers: { authorization: `Bearer ${server.adminToken}` } });
  return socket instanceof WebSocket ? socket : assert.fail(`refused with ${socket}`);
}

test('a link is for who has a token, offers the subprotocol, and is no page of another place', async (t) => {
  const server = await startServer(t);
  const authorization = `Bearer ${server.adminToken}`;
  const host = new URL(server.url).host;

  assert.equal(await knock(t, server, {}), 401);
  assert.equal(await knock(t, server, { headers: { authorization: 'Bearer x' } }), 401);
  assert.equal(await knock(t, server, { headers: { authorization }, offers: [] }), 400);
  assert.equal(await knock(t, server, { headers: { authorization, origin: 'https://evil.example' } }), 403);
  assert.equal(await knock(t, server, { headers: { authorization, origin: `https://${host}` } }), 403);
  assert.ok((await knock(t, server, { headers: { authorization, origin: `http://${host}` } })) instanceof WebSocket);
  assert.ok((await opened(t, server)).protocol === sessionSubprotocol);
});

test('a user who is known and asks from the page of another place is told of in the activity log', async (t) => {
  const server = await startServer(t);
  const authorization = `Bearer ${server.adminToken}`;

  assert.equal(await knock(t, server, { headers: { authorization, origin: 'https://evil.example' } }), 403);

  const { activity } = await server.admin.call('listActivity', { query: { limit: 1 } });
  const [{ actor, action, details } = assert.fail('nothing was told')] = activity;
  assert.deepEqual(
    { actor, action, details },
    { actor: 'user:admin', action: 'refused', details: { route: 'sessions', address: '127.0.0.1' } },
  );
});

test('a ticket opens one link, soon, from a page of the server', async (t) => {
  let now = new Date('2026-01-01T00:00:00Z');
  const server = await startServer(t, { now: () => now });
  const make = () => server.admin.call('createSessionTicket', {});
  const origin = server.url;

  const { ticket, expiresAt } = await make();
  assert.equal(expiresAt, '2026-01-01T00:00:30.000Z');
  assert.equal(await knock(t, server, { ticket: 'x', headers: { origin } }), 401);
  assert.ok((await knock(t, server, { ticket, headers: { origin } })) instanceof WebSocket);
  assert.equal(await knock(t, server, { ticket, headers: { origin } }), 401);
  const foreign = await make();
  assert.equal(await knock(t, server, { ticket: foreign.ticket, headers: { origin: 'http://evil.example' } }), 403);
  const late = await make();
  now = new Date('2026-01-01T00:00:30Z');
  assert.equal(await knock(t, server, { ticket: late.ticket, headers: { origin } }), 401);
});

test('a ticket of a token that was revoked since opens nothing', async (t) => {
  const server = await startServer(t);
  const made = await server.admin.call('createToken', { body: { label: 'page' } });
  const { ticket } = await server.as(made.token).call('createSessionTicket', {});
  await server.admin.call('revokeToken', { params: { tokenId: made.tokenId }, query: {} });

  assert.equal(await knock(t, server, { ticket }), 401);
});

test('behind a proxy the origin is compared with what the proxy was asked for', async (t) => {
  const server = await startServer(t, { trustsProxy: true });
  const headers = {
    authorization: `Bearer ${server.adminToken}`,
    'x-forwarded-host': 'fleet.example',
    'x-forwarded-proto': 'https',
  };

  assert.ok(
    (await knock(t, server, { headers: { ...headers, origin: 'https://fleet.example' } })) instanceof WebSocket,
  );
  assert.equal(await knock(t, server, { headers: { ...headers, origin: 'http://fleet.example' } }), 403);
});

test('text, a frame that is too large, and one that breaks the protocol end the link with their reason', async (t) => {
  const server = await startServer(t);
  const hostile: readonly (readonly [number, (socket: WebSocket) => void])[] = [
    [1003, (socket) => socket.send('hello')],
    [1009, (socket) => socket.send(Buffer.alloc(sessionLimits.messageBytes + 1))],
    [1002, (socket) => socket.send(Buffer.from([1, 2]))],
    [1002, (socket) => socket.send(encodeFrame(1, { type: 'credit', offset: 5 }))],
  ];

  for (const [code, act] of hostile) {
    const socket = await opened(t, server);
    const closed = once(socket, 'close');
    act(socket);
    assert.equal((await closed)[0], code);
  }
});

test('a link whose other side is silent is lost', async (t) => {
  const user = { name: 'ada', role: 'admin' as const, createdAt: '2026-01-01T00:00:00Z' };
  const ends: string[] = [];
  const sockets = new CallerSockets({
    relay: {
      serve: (_caller, _from, port) =>
        new FrameLink({ port, mostStreams: 1, onOpen: (stream) => endsOf(stream.number) }),
    },
    admit: () => ({ caller: { kind: 'user', user, tokenId: 't' }, address: '127.0.0.1' }),
    callerNow: () => ({ kind: 'user', user, tokenId: 't' }),
    pingMs: 20,
    silentMs: 1_000,
  });
  const endsOf = (stream: number) => ({
    onFrame: () => undefined,
    onClose: ({ message }: Close) => void ends.push(`${stream}: ${message}`),
  });
  const http = createServer();
  http.on('upgrade', (request, connection, head) => void sockets.upgrade(request, connection, head));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.after(async () => {
    await sockets.close();
    http.close();
  });
  const { port } = http.address() as AddressInfo; // It listens on TCP.
  const dial = async (autoPong: boolean) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${sessionsPath}`, sessionSubprotocol, { autoPong });
    t.after(() => socket.terminate());
    await once(socket, 'open');
    return socket;
  };
  const [alive, silent] = [await dial(true), await dial(false)];

  silent.send(encodeFrame(1, { type: 'open', json: {} }));
  assert.equal((await once(silent, 'close'))[0], 1006);

  await waitUntil('its stream to be told', () => ends.length > 0);
  assert.deepEqual(ends, ['1: the link of the caller was lost']);
  assert.equal(alive.readyState, WebSocket.OPEN);
});

test('an OPEN in no known way closes its stream alone', async (t) => {
  const server = await startServer(t);
  const link = await linkOf(t, server.url, server.adminToken);
  const { promise, resolve } = Promise.withResolvers<unknown>();

  link.open({ session: { kind: 'dance' }, window: 1 }, { onFrame: () => undefined, onClose: resolve });

  assert.match(JSON.stringify(await promise), /"code":"refused","message":"Cannot read what is to be opened/);
  assert.equal(link.isEnded, false);
});

test('a caller that opens a thousand sessions at once gets as many as it may have, and harms nobody', async (t) => {
  const server = await startServer(t);
  await startHost(t, server, { open: quiet });
  const other = await server.admin.call('addUser', { body: { name: 'olga', role: 'operator' } });
  const socket = await opened(t, server);
  const codes = new Map<string, number>();
  socket.on('message', (bytes: Buffer) => {
    const word = bytes[0] === 7 ? String(JSON.parse(bytes.subarray(5).toString()).code) : String(bytes[0]);
    codes.set(word, (codes.get(word) ?? 0) + 1);
  });

  for (let stream = 1; stream <= 1_000; stream += 1) {
    socket.send(encodeFrame(stream, { type: 'open', json: anOpen() }));
  }
  await waitUntil('all answers', () => [...codes.values()].reduce((sum, count) => sum + count, 0) === 1_000);

  assert.deepEqual(
    codes,
    new Map([
      ['limit-exceeded', 936],
      ['2', 64],
    ]),
  );
  const link = await linkOf(t, server.url, other.token);
  const { session } = callSession(t, async () => link);
  await waitUntil('another user to be let in', () => session.accepted);
});
