import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { type WebSocket, WebSocketServer } from 'ws';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { sessionLimits, sessionSubprotocol } from '../contracts/session-wire.ts';
import type { HostSessions } from '../engine/host-sessions.ts';
import { CallerSession } from '../session/caller-session.ts';
import { FrameLink } from '../session/frame-link.ts';
import { socketPort } from '../session/socket-port.ts';
import { AgentLog } from './agent-log.ts';
import { AgentSessions } from './agent-sessions.ts';
import { Realtime } from './realtime.ts';

interface Arrived {
  readonly socket: WebSocket;
  readonly link: FrameLink;
  readonly offered: string | undefined;
  readonly at: number;
  code: number | undefined;
}

/** A server's side of the socket, and an agent whose only sessions are with its own log. */
async function aPlace(t: TestContext, { answersOffer = true } = {}) {
  const handleProtocols = () => (answersOffer ? sessionSubprotocol : false);
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols });
  await once(server, 'listening');
  const arrived: Arrived[] = [];
  server.on('connection', (socket, request) => {
    const link = new FrameLink({ port: socketPort(socket), mostStreams: sessionLimits.agentStreams });
    const one: Arrived = {
      ...{ socket, link, at: performance.now(), code: undefined },
      offered: request.headers['sec-websocket-protocol'],
    };
    socket.on('message', (bytes, isBinary) => isBinary && Buffer.isBuffer(bytes) && link.receive(bytes));
    socket.on('close', (code) => {
      one.code = code;
      link.end({ code: 'host-away', message: 'the socket is gone' });
    });
    arrived.push(one);
  });
  const log = new AgentLog(() => {});
  const sessions = new AgentSessions({
    engine: { observeContainers: async () => [] },
    sessions: { close: async () => {} } as HostSessions,
    hostId: () => 'h',
    spec: () => undefined,
    ownLog: log,
    log: (line) => t.diagnostic(line),
  });
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const link = {
    url: `http://127.0.0.1:${address.port}`,
    isRegistered: true,
    ready: async () => {},
    authorization: () => 'none',
    renew: () => {},
  };
  const stop = new AbortController();
  const running = new Realtime({ link, sessions, onNudge: () => {} }).run(stop.signal);
  t.after(async () => {
    stop.abort();
    await running;
    await sessions.close();
    server.close();
  });
  return { arrived, log, stop, running };
}

/** Somebody who follows the agent's log over whatever link there is. */
function follow(t: TestContext, arrived: readonly Arrived[]) {
  const leaving = new AbortController();
  const asked = { actor: 'ann', role: 'viewer' };
  const session = { kind: 'logs', source: { of: 'agent' }, follow: true, timestamps: false } as const;
  const caller = new CallerSession({
    open: { session, window: sessionLimits.windowBytes, ...asked },
    connect: async () => {
      const link = arrived.at(-1)?.link;
      assert.ok(link);
      return link;
    },
    signal: leaving.signal,
  });
  let text = '';
  void (async () => {
    for await (const { bytes } of caller.output()) text += Buffer.from(bytes);
  })().catch(() => undefined);
  const ended = caller.run();
  ended.catch(() => undefined);
  t.after(() => leaving.abort());
  return { text: () => text, ended };
}

test('sessions go over the socket, and over the next one at once when it is lost', async (t) => {
  t.mock.method(Math, 'random', () => 0); // Else a wait without sessions may be short, too: it is 500 ms at most.
  const { arrived, log } = await aPlace(t);
  await waitUntil('the socket', () => arrived.length === 1);
  log.line('one');
  const { text } = follow(t, arrived);
  await waitUntil('the line', () => text() === 'one\n');
  assert.equal(arrived[0]?.offered, sessionSubprotocol);

  const lostAt = performance.now();
  arrived[0]?.socket.terminate();
  await waitUntil('the next socket', () => arrived.length === 2);
  log.line('two');

  await waitUntil('the line', () => text() === 'one\ntwo\n');
  const [, next] = arrived;
  assert.ok(next !== undefined && next.at - lostAt < 500, `it came after ${next && next.at - lostAt} ms`);
});

test('an agent that ends tells its sessions before its socket closes', async (t) => {
  const { arrived, log, stop, running } = await aPlace(t);
  await waitUntil('the socket', () => arrived.length === 1);
  log.line('one');
  const { text, ended } = follow(t, arrived);
  await waitUntil('the line', () => text() === 'one\n');

  stop.abort();

  await assert.rejects(ended, (error) => isAppError(error) && /its sessions with it/.test(error.message));
  await running;
  await waitUntil('the close', () => arrived[0]?.code === 1001);
});

test('where something in between leaves the offer out, all else goes on without sessions', async (t) => {
  const { arrived } = await aPlace(t, { answersOffer: false });

  await waitUntil('a socket that stays', () => arrived.some(({ offered }) => offered === undefined));
  const last = arrived.at(-1);
  assert.equal(last?.offered, undefined);
  assert.equal(last?.socket.readyState, last?.socket.OPEN);
});

test('a frame that is too large ends the socket', async (t) => {
  const { arrived } = await aPlace(t);
  await waitUntil('the socket', () => arrived.length === 1);

  arrived[0]?.socket.send(Buffer.alloc(sessionLimits.messageBytes + 1), { binary: true });

  await waitUntil('its end', () => arrived[0]?.code === 1009);
});
