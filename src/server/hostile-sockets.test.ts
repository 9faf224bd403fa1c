import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { WebSocket } from 'ws';
import { waitUntil } from '../base/deadline.ts';
import { hostIdSchema } from '../contracts/fleet-ids.ts';
import { agentSocketPath } from '../contracts/routes-agent.ts';
import { AgentSockets } from './agent-sockets.ts';

const hostId = hostIdSchema.parse(`h-${'a'.repeat(26)}`);

interface Served {
  readonly sockets: AgentSockets;
  readonly port: number;
  /** What the server said why it closed a socket. */
  readonly dropped: string[];
}

/** Sockets of one host that is let in whatever it says. */
async function serve(t: TestContext, pingMs?: number): Promise<Served> {
  const dropped: string[] = [];
  const sockets = new AgentSockets({
    authenticate: () => ({ kind: 'host', hostId, sessionId: 's' }),
    onSample: () => {},
    onDrop: (_, reason) => void dropped.push(reason),
    ...(pingMs !== undefined && { pingMs }),
  });
  const http = createServer();
  http.on('upgrade', (request, connection, head) => void sockets.upgrade(request, connection, head));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.after(() => {
    sockets.close();
    http.close();
  });
  return { sockets, dropped, port: (http.address() as AddressInfo).port }; // It listens on TCP.
}

/** A connection that was upgraded and then does what the test does, and nothing else. */
async function rawSocket(t: TestContext, { port, sockets }: Served): Promise<Socket> {
  const connection = connect(port, '127.0.0.1');
  t.after(() => connection.destroy());
  connection.on('error', () => undefined);
  const key = Buffer.alloc(16).toString('base64');
  const upgrade = `connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}`;
  connection.write(`GET ${agentSocketPath} HTTP/1.1\r\nhost: x\r\n${upgrade}\r\n\r\n`);
  await once(connection, 'data');
  assert.ok(sockets.has(hostId));
  return connection;
}

async function webSocket(t: TestContext, { port }: Served): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${agentSocketPath}`);
  t.after(() => socket.terminate());
  socket.on('error', () => undefined);
  await once(socket, 'open');
  return socket;
}

/** A frame of a client whose mask changes nothing. */
function frame(opcode: number, payload: string, isLast: boolean): Buffer {
  return Buffer.from([(isLast ? 0x80 : 0) | opcode, 0x80 | payload.length, 0, 0, 0, 0, ...Buffer.from(payload)]);
}

test('an agent that does not read is dropped before much waits for it, and told why', async (t) => {
  const served = await serve(t);
  const connection = await rawSocket(t, served);
  connection.pause();
  const nudge = { kind: 'cancel-build', buildId: 'x'.repeat(16 * 1024) } as const;
  const before = process.memoryUsage().arrayBuffers;

  let sent = 0;
  while (served.sockets.nudge(hostId, nudge)) {
    sent += 1;
    await new Promise(setImmediate);
  }

  assert.ok(sent * 16 * 1024 < 32 * 1024 * 1024, `${sent} were taken`);
  assert.ok(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024);
  assert.deepEqual([served.sockets.has(hostId), served.dropped], [false, ['it does not read']]);
  let closed = false;
  connection.on('close', () => (closed = true)).resume();
  await waitUntil('its connection to end', () => closed);
});

test('a message that is too large, or comes in too many pieces, ends its socket with the reason', async (t) => {
  const served = await serve(t);
  const large = await webSocket(t, served);
  large.send('x'.repeat(2 * 1024 * 1024));
  assert.equal((await once(large, 'close'))[0], 1009);

  const pieces = await rawSocket(t, served);
  const ended = once(pieces, 'end');
  pieces.write(frame(1, 'x', false));
  for (let count = 0; count < 1_000; count += 1) pieces.write(frame(0, 'x', false));
  await ended;

  assert.equal(served.sockets.has(hostId), false);
  assert.match(served.dropped[0] ?? '', /[Mm]ax payload|fragments/);
});

test('a flood of pings is a flood as well', async (t) => {
  const served = await serve(t);
  const socket = await webSocket(t, served);
  const closed = once(socket, 'close');

  for (let count = 0; count < 300; count += 1) {
    if (socket.readyState === WebSocket.OPEN) socket.ping();
    await new Promise(setImmediate);
  }

  await closed;
  assert.deepEqual([served.sockets.has(hostId), served.dropped], [false, ['too many messages']]);
});

test('a socket whose other side is gone without a word is closed, one that only is silent stays', async (t) => {
  const gone = await serve(t, 50);
  const connection = await rawSocket(t, gone);
  const closed = once(connection, 'close');
  const silent = await serve(t, 50);
  let pings = 0;
  (await webSocket(t, silent)).on('ping', () => (pings += 1));

  await closed;
  await waitUntil('some pings', () => pings > 5);

  assert.deepEqual([gone.sockets.has(hostId), gone.dropped], [false, ['it does not answer']]);
  assert.deepEqual([silent.sockets.has(hostId), silent.dropped], [true, []]);
});

test('what is no message of an agent ends the socket, and a host that comes back at once is told of once', async (t) => {
  const served = await serve(t);

  for (const [sent, code] of [
    ['{"kind":"sample"}', 1003],
    ['no JSON', 1003],
    [Buffer.from([1]), 1003],
    ['['.repeat(100_000), 1003],
  ] as const) {
    const socket = await webSocket(t, served);
    const closed = once(socket, 'close');
    socket.send(sent);
    assert.equal((await closed)[0], code, String(sent).slice(0, 20));
  }

  assert.equal(served.dropped.length, 1);
});

test('a host has one socket however often it dials, and those before it end soon though they do not answer', async (t) => {
  const served = await serve(t);
  const connections = [];
  for (let count = 0; count < 5; count += 1) connections.push(await rawSocket(t, served));
  let ended = 0;
  for (const connection of connections) connection.on('close', () => (ended += 1)).resume();

  await waitUntil('all but the last to end', () => ended === 4);

  assert.equal(served.sockets.has(hostId), true);
  assert.equal(connections.at(-1)?.destroyed, false);
});
