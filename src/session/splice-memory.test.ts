import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSchema, sessionLimits } from '../contracts/session-wire.ts';
import { CallerSession } from './caller-session.ts';
import { FrameLink } from './frame-link.ts';
import { type PortEnd, portEnd } from './port-end.suite.ts';
import { SessionDesk } from './session-desk.ts';
import { Splice } from './splice.ts';

const totalBytes = 100 * 1024 * 1024;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Says a lot, and counts how much of it was taken. */
function aFlood() {
  let taken = 0;
  async function* output() {
    const bytes = Buffer.alloc(sessionLimits.dataBytes, 'y');
    for (; taken < totalBytes; taken += bytes.length) yield { channel: 'output', bytes } as const;
  }
  const nothing = async () => undefined;
  const source = {
    ...{ output: output(), write: nothing, endInput: nothing, resize: nothing, signal: nothing },
    ...{ exit: async () => ({ code: 0 }), close: () => undefined },
  };
  return { source, taken: () => taken };
}

/** A caller, a server and an agent in this process. What a socket has not sent lies in its port. */
function aPath() {
  const flood = aFlood();
  const desk = new SessionDesk({ open: async () => ({ source: flood.source, isTerminal: true, readsOn: false }) });
  const ports = [portEnd(), portEnd(), portEnd(), portEnd()] as const;
  const caller = new FrameLink({ port: ports[0].port, mostStreams: 1 });
  const toAgent = new FrameLink({ port: ports[2].port, mostStreams: 1 });
  const server = new FrameLink({
    port: ports[1].port,
    mostStreams: 1,
    onOpen: (stream, request) => {
      const { host: _, ...open } = openSchema.parse(request);
      return new Splice({
        ...{ caller: stream, windowBytes: open.window },
        openAgent: (handler) => toAgent.open({ ...open, actor: 'ada', role: 'operator' }, handler),
        onEnd: () => undefined,
      }).handler;
    },
  });
  const agent = new FrameLink({
    port: ports[3].port,
    mostStreams: 1,
    onOpen: (stream, request) => desk.take(stream, request),
  });
  const carry = (sockets: Sockets = {}) => {
    ports[0].carry((message) => server.receive(message));
    ports[2].carry((message) => agent.receive(message));
    ports[3].carry((message) => toAgent.receive(message), sockets.agent);
    ports[1].carry((message) => caller.receive(message), sockets.caller);
  };
  const inSockets = () => ports.reduce((sum, port) => sum + sizeOf(port), 0);
  return { caller, carry, inSockets, flood, desk };
}

/** How many messages each passes on in a turn. Default: all. */
interface Sockets {
  readonly agent?: number;
  readonly caller?: number;
}

function sizeOf({ sent }: PortEnd): number {
  return sent.reduce((sum, message) => sum + message.length, 0);
}

function aCaller({ caller }: ReturnType<typeof aPath>, signal: AbortSignal) {
  return new CallerSession({
    open: {
      host: 'h',
      session: { kind: 'attach', workspace: 'web', interactive: false },
      window: sessionLimits.windowBytes,
    },
    connect: async () => caller,
    signal,
  });
}

test('a reader that pauses stops what makes the output, within the window and what is kept', async (t) => {
  const path = aPath();
  const session = aCaller(path, t.signal);
  const running = session.run();
  for (let turns = 0; turns < 500; turns += 1) {
    path.carry();
    await turn();
  }

  const { windowBytes, replayBytes, dataBytes } = sessionLimits;
  assert.ok(path.flood.taken() <= replayBytes + dataBytes, `${path.flood.taken()} bytes were taken`);
  assert.ok(path.desk.heldBytes <= replayBytes, `${path.desk.heldBytes} bytes are kept`);
  assert.ok(path.inSockets() <= windowBytes, `${path.inSockets()} bytes are in sockets`);
  session.detach();
  path.carry();
  assert.equal((await running).kind, 'detached');
});

test('100 MB through slow sockets are never more than a window under way', { timeout: 60_000 }, async (t) => {
  const path = aPath();
  const session = aCaller(path, t.signal);
  const running = session.run();
  let [read, most, isOver] = [0, 0, false];
  const reading = (async () => {
    for await (const { bytes } of session.output()) read += bytes.length;
    isOver = true;
  })();
  for (let turns = 0; !isOver; turns += 1) {
    path.carry(turns % 3 === 0 ? { agent: 4, caller: 1 } : { agent: 1, caller: 2 });
    // Taken of the program, and not yet with its reader or kept for one that comes back.
    if (turns % 50 === 0) most = Math.max(most, path.inSockets() + path.flood.taken() - read);
    await turn();
  }
  await reading;

  assert.equal(read, totalBytes);
  assert.equal((await running).kind, 'ended');
  const { windowBytes, replayBytes } = sessionLimits;
  assert.ok(most <= replayBytes + 2 * windowBytes, `${most} bytes at most`);
});
