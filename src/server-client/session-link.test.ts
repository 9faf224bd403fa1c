import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type WebSocket, WebSocketServer } from 'ws';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { type Close, sessionLimits } from '../contracts/session-wire.ts';
import { decodeFrame, encodeFrame } from '../session/frame.ts';
import { connectSessions, type SessionLinkOptions } from './session-link.ts';

interface Refusal {
  readonly status: number;
  readonly body?: string;
}

/** A server of nothing but the path of sessions. */
async function aServer(t: TestContext, { refusal }: { readonly refusal?: Refusal } = {}) {
  const server = createServer().listen(0, '127.0.0.1');
  const sockets = new WebSocketServer({ noServer: true });
  const seen: { url: string | undefined; authorization: string | undefined; protocol: string | undefined }[] = [];
  const open: WebSocket[] = [];
  server.on('upgrade', (request, connection, head) => {
    const { authorization, 'sec-websocket-protocol': protocol } = request.headers;
    seen.push({ url: request.url, authorization, protocol });
    if (refusal === undefined) sockets.handleUpgrade(request, connection, head, (socket) => void open.push(socket));
    else {
      const { status, body = '' } = refusal;
      connection.end(`HTTP/1.1 ${status} Refused\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    }
  });
  await once(server, 'listening');
  t.after(() => {
    for (const socket of open) socket.terminate();
    server.close().closeAllConnections();
  });
  const ends = new AbortController();
  t.after(() => ends.abort(new Error('the test is over')));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const connect = (more: Partial<SessionLinkOptions> = {}) =>
    connectSessions({ url, authorization: 'Bearer t', signal: ends.signal, ...more });
  return { connect, seen, open, end: () => ends.abort(new Error('enough')), url, server };
}

const quiet = { onFrame: () => undefined, onClose: () => undefined };

test('a link asks by the path, the token and the version, and carries frames both ways', async (t) => {
  const { connect, seen, open } = await aServer(t);
  const link = await connect();
  const [there] = open;
  assert.ok(there !== undefined);
  const message = once(there, 'message');
  const closed = Promise.withResolvers<Close>();
  link.open({ hello: 1 }, { ...quiet, onClose: closed.resolve });

  assert.deepEqual(seen, [{ url: '/api/v1/sessions', authorization: 'Bearer t', protocol: 'agora.sessions.1' }]);
  const [bytes, isBinary] = await message;
  assert.equal(isBinary, true);
  assert.deepEqual(decodeFrame(bytes), { stream: 1, frame: { type: 'open', json: { hello: 1 } } });
  const close: Close = { code: 'not-found', message: 'Cannot find it' };
  there.send(encodeFrame(1, { type: 'close', json: close }));
  assert.deepEqual(await closed.promise, close);
});

test('a link that is lost says so to its streams, with the reason that was given', async (t) => {
  for (const [end, message] of [
    [(socket: WebSocket) => socket.terminate(), 'the link to the server was lost'],
    [(socket: WebSocket) => socket.close(1001, 'it stops\u001b[2J'), 'the link to the server ended: it stops'],
  ] as const) {
    const { connect, open } = await aServer(t);
    const link = await connect();
    const closed = Promise.withResolvers<Close>();
    link.open({}, { ...quiet, onClose: closed.resolve });
    for (const socket of open) end(socket);

    assert.deepEqual(await closed.promise, { code: 'host-away', message });
    assert.equal(link.isEnded, true);
  }
});

test('without a word of the server for too long a link is lost; a ping is one', async (t) => {
  const { connect, open } = await aServer(t);
  const link = await connect({ silentMs: 800 });
  const [there] = open;
  assert.ok(there !== undefined);
  let pongs = 0;
  there.on('pong', () => {
    pongs += 1;
  });
  const pinging = setInterval(() => there.ping(), 20);
  t.after(() => clearInterval(pinging));

  await waitUntil('pongs for longer than that', () => pongs >= 60);
  assert.equal(link.isEnded, false);
  clearInterval(pinging);
  await waitUntil('the end of the link', () => link.isEnded);
});

test('what is larger than a message may be, or is text, ends the link', async (t) => {
  for (const [message, code] of [
    [Buffer.alloc(sessionLimits.messageBytes + 1), 1009],
    ['text', 1003],
  ] as const) {
    const { connect, open } = await aServer(t);
    const link = await connect();
    const [there] = open;
    assert.ok(there !== undefined);
    const closed = once(there, 'close');
    there.send(message);

    assert.equal((await closed)[0], code);
    await waitUntil('the end of the link', () => link.isEnded);
  }
});

test('its signal ends a link after what it has to send, and then it is told', async (t) => {
  const { connect, open, end } = await aServer(t);
  const closed = Promise.withResolvers<void>();
  const link = await connect({ onClosed: closed.resolve });
  const [there] = open;
  assert.ok(there !== undefined);
  const messages: Uint8Array[] = [];
  there.on('message', (message: Buffer) => void messages.push(message));
  const stream = link.open({}, quiet);
  stream?.close({ code: 'done', message: 'all was read' });
  end();

  await closed.promise;
  assert.equal(messages.length, 2);
});

test('a refusal says what it is by its status', async (t) => {
  for (const [status, code, told] of [
    [401, 'unauthenticated', /does not know your token/],
    [403, 'refused', /you may not/],
    [404, 'refused', /older release/],
    [429, 'too-many-requests', /too often/],
    [200, 'refused', /status 200 instead/],
    [502, 'unreachable', /status 502 instead/],
    [503, 'unreachable', /status 503 instead/],
  ] as const) {
    const { connect } = await aServer(t, { refusal: { status } });

    await assert.rejects(connect(), (error) => isAppError(error, code) && told.test(error.message), String(status));
  }
});

test('a refusal with words of the server is told in them', async (t) => {
  const body = JSON.stringify({
    error: { code: 'limit-exceeded', message: 'Cannot open more: 8 are open', next: 'x' },
  });
  const { connect } = await aServer(t, { refusal: { status: 429, body } });

  await assert.rejects(connect(), (error) => isAppError(error, 'limit-exceeded') && error.next === 'x');
});

test('a server that is not there is unreachable; who gives up is told their own reason', async (t) => {
  const { connect, server } = await aServer(t);
  server.close();
  await once(server, 'close');

  await assert.rejects(connect(), (error) => isAppError(error, 'unreachable') && /ECONNREFUSED/.test(error.message));
  await assert.rejects(connect({ signal: AbortSignal.abort(new Error('enough')) }), /enough/);
});

test('who gives up while a server does not answer does not wait for it', async (t) => {
  const { url } = await aServer(t);
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => silent.close().closeAllConnections());
  const asked = once(silent, 'upgrade');
  const { port } = silent.address() as AddressInfo;
  const controller = new AbortController();
  const connecting = connectSessions({
    url: url.replace(/\d+$/, String(port)),
    authorization: 'Bearer t',
    signal: controller.signal,
  });
  const [, connection] = await asked;
  controller.abort(new Error('enough'));

  await assert.rejects(connecting, /enough/);
  connection.destroy();
});
