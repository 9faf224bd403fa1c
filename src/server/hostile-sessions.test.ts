import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { waitUntil } from '../base/deadline.ts';
import { sessionLimits, sessionSubprotocol, sessionsPath } from '../contracts/session-wire.ts';
import { decodeFrame, encodeFrame } from '../session/frame.ts';
import { aSource } from '../session/session.suite.ts';
import type { OpenedSource } from '../session/session-desk.ts';
import { startServer, TestAgent } from './suite-server.ts';
import { agentSocket, anOpen, callSession, linkOf, logsOfWeb, quiet, startHost } from './suite-sessions.ts';

/** Prints without end, and counts what was taken of it. */
function endless() {
  let takenBytes = 0;
  const part = Buffer.alloc(sessionLimits.dataBytes, 'y\n');
  async function* output() {
    for (;;) {
      takenBytes += part.length;
      yield { channel: 'output' as const, bytes: part };
      // As an engine, whose bytes come with turns of their own.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const opened: OpenedSource = { source: { ...aSource().source, output: output() }, isTerminal: false, readsOn: false };
  return { opened, takenBytes: () => takenBytes };
}

test('a caller whose socket reads nothing has no more printed than is kept, and delays nobody', async (t) => {
  const server = await startServer(t);
  const { opened, takenBytes } = endless();
  const { source, say } = aSource();
  const talking = { source, isTerminal: false, readsOn: false };
  await startHost(t, server, { open: (spec) => (spec.kind === 'logs' ? opened : talking) });
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}${sessionsPath}`, sessionSubprotocol, {
    headers: { authorization: `Bearer ${server.adminToken}` },
  });
  t.after(() => socket.terminate());
  await once(socket, 'open');
  socket.send(encodeFrame(1, { type: 'open', json: anOpen({ session: logsOfWeb }) }));
  await once(socket, 'message');

  socket.pause();
  let last = -1;
  await waitUntil(
    'nothing more to be printed',
    () => {
      const isStill = takenBytes() === last;
      last = takenBytes();
      return isStill;
    },
    { intervalMs: 200 },
  );
  assert.ok(last <= sessionLimits.replayBytes + 2 * sessionLimits.windowBytes, `${last} bytes were printed`);
  const link = await linkOf(t, server.url, server.adminToken);
  const { session } = callSession(t, async () => link);
  say('here');
  const { value: first } = await session.output()[Symbol.asyncIterator]().next();
  assert.equal(String(Buffer.from(first.bytes)), 'here');
});

test('an agent that sends frames of a stream that is over, without end, holds up nobody', async (t) => {
  const server = await startServer(t);
  const { joinToken } = await server.admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(server.url);
  await agent.register({ joinToken });
  const socket = await agentSocket(t, { url: server.url, agent });
  const link = await linkOf(t, server.url, server.adminToken);
  const { ended } = callSession(t, async () => link);
  const [open] = await once(socket, 'message');
  const { stream } = decodeFrame(open);
  socket.send(encodeFrame(stream, { type: 'close', json: { code: 'refused', message: 'no' } }));
  await assert.rejects(ended, { code: 'refused' });
  const junk = encodeFrame(stream, { type: 'control', json: { event: 'notice', text: 'x'.repeat(1_000) } });

  let isOver = false;
  const flood = async () => {
    while (!isOver && socket.readyState === WebSocket.OPEN) {
      for (let sent = 0; sent < 100; sent += 1) socket.send(junk);
      await new Promise<void>((resolve) => socket.send(junk, () => resolve()));
    }
  };
  const flooding = flood();
  const times: number[] = [];
  for (let asked = 0; asked < 20; asked += 1) {
    const startedAt = performance.now();
    await server.admin.call('whoAmI', {});
    times.push(performance.now() - startedAt);
  }
  isOver = true;
  socket.terminate();
  await flooding;

  assert.ok(Math.max(...times) < 1_000, `took ${times.map(Math.round)} ms`);
});

test('frames of streams that an agent was never asked for end its link, which is told, and it comes back', async (t) => {
  const lines: string[] = [];
  const server = await startServer(t, { log: (line) => void lines.push(line) });
  const { socket, connect } = await startHost(t, server, { open: quiet });
  const closed = once(socket, 'close');

  socket.send(encodeFrame(7, { type: 'data', offset: 0, channel: 'output', bytes: Buffer.from('x') }));

  assert.equal((await closed)[0], 1002);
  assert.deepEqual(lines, ['Closed the realtime socket of host "box": stream 7 was never opened']);
  await connect();
  const link = await linkOf(t, server.url, server.adminToken);
  const { session } = callSession(t, async () => link);
  await waitUntil('its acceptance', () => session.accepted);
});
