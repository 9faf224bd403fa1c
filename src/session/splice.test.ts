import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import type { Close } from '../contracts/session-wire.ts';
import type { Frame, StreamFrame } from './frame.ts';
import { FrameLink } from './frame-link.ts';
import type { LinkStream, StreamHandler } from './link-stream.ts';
import { portEnd } from './port-end.suite.ts';
import { Splice, type SpliceEnd, type SpliceOptions } from './splice.ts';

const accept = {
  sessionId: 's-aaaaaaaaaa',
  seat: 'A'.repeat(43),
  output: 0,
  input: 0,
  window: 2_048,
  terminal: false,
  credit: 1_024,
  lingerSeconds: 60,
};
const windowBytes = 1_024;

/** Caller, server and agent, each link in this process; what is sent is carried at once. */
function aSplice(options: Partial<SpliceOptions> = {}) {
  const ends: SpliceEnd[] = [];
  const heard = { caller: [] as StreamFrame[], agent: [] as StreamFrame[] };
  const closes = { caller: [] as Close[], agent: [] as Close[] };
  const listener = (side: 'caller' | 'agent') => ({
    onFrame: (frame: StreamFrame) => heard[side].push(frame),
    onClose: (close: Close) => closes[side].push(close),
  });
  const ports = [portEnd(), portEnd(), portEnd(), portEnd()] as const;
  let atAgent: LinkStream | undefined;
  const agent = new FrameLink({
    port: ports[3].port,
    mostStreams: 5,
    onOpen: (stream) => {
      atAgent = stream;
      return listener('agent');
    },
  });
  const toAgent = new FrameLink({ port: ports[2].port, mostStreams: 5 });
  let splice: Splice | undefined;
  const server = new FrameLink({
    port: ports[1].port,
    mostStreams: 5,
    onOpen: (caller, request) => {
      const openAgent = (handler: StreamHandler) => toAgent.open(request, handler);
      splice = new Splice({ caller, windowBytes, openAgent, onEnd: (end) => ends.push(end), ...options });
      return splice.handler;
    },
  });
  const caller = new FrameLink({ port: ports[0].port, mostStreams: 5 });
  const carry = () => {
    for (let round = 0; round < 3; round += 1) {
      ports[0].carry((message) => server.receive(message));
      ports[2].carry((message) => agent.receive(message));
      ports[3].carry((message) => toAgent.receive(message));
      ports[1].carry((message) => caller.receive(message));
    }
  };
  const stream = caller.open({}, listener('caller')) ?? assert.fail('it is not opened');
  carry();
  const says = (side: 'caller' | 'agent', frame: Exclude<Frame, { readonly type: 'close' }>) => {
    (side === 'caller' ? stream : atAgent)?.send(frame);
    carry();
  };
  return { says, heard, closes, ends, links: { caller, server, toAgent, agent }, carry, splice: () => splice };
}

const output = (offset: number, size: number): Frame & { type: 'data' } => ({
  type: 'data',
  offset,
  channel: 'output',
  bytes: Buffer.alloc(size),
});

test('what either side sends comes to the other, and its bytes are counted', () => {
  const { says, heard, closes, ends, splice } = aSplice();
  says('agent', { type: 'accept', json: accept });
  says('agent', output(0, 1_000));
  says('caller', { type: 'credit', offset: 2_024 });
  says('agent', output(1_000, 1_000));
  says('caller', { type: 'data', offset: 0, channel: 'input', bytes: Buffer.from('ls') });
  says('agent', { type: 'control', json: { event: 'exit', code: 0 } });
  says('agent', { type: 'end', offset: 2_000 });

  assert.deepEqual(
    heard.caller.map(({ type }) => type),
    ['accept', 'data', 'data', 'control', 'end'],
  );
  assert.deepEqual(
    heard.agent.map(({ type }) => type),
    ['credit', 'data'],
  );
  splice()?.close({ code: 'timed-out', message: 'idle' });
  assert.deepEqual(ends, [{ close: { code: 'timed-out', message: 'idle' }, inputBytes: 2, outputBytes: 2_000 }]);
  assert.deepEqual(closes, { caller: [], agent: [] }, 'not before it is carried');
});

for (const [side, what, frames] of [
  ['agent', 'data before it accepted', [output(0, 1)]],
  ['agent', 'data past the credit', [{ type: 'accept', json: accept }, output(0, windowBytes + 1)]],
  ['agent', 'data twice', [{ type: 'accept', json: accept }, output(0, 5), output(0, 5)]],
  [
    'agent',
    'two acceptances',
    [
      { type: 'accept', json: accept },
      { type: 'accept', json: accept },
    ],
  ],
  ['agent', 'an acceptance that is none', [{ type: 'accept', json: { ...accept, window: 1 } }]],
  [
    'agent',
    'an event of a caller',
    [
      { type: 'accept', json: accept },
      { type: 'control', json: { event: 'resize' } },
    ],
  ],
  [
    'agent',
    'credit without end',
    [
      { type: 'accept', json: accept },
      { type: 'credit', offset: 2 ** 47 },
    ],
  ],
  ['caller', 'data before it is accepted', [{ ...output(0, 1), channel: 'input' }]],
  ['caller', 'credit before it is accepted', [{ type: 'credit', offset: 5_000 }]],
] as const) {
  test(`the ${side} that sends ${what} ends both sides, and neither link`, () => {
    const { says, closes, ends, links } = aSplice();

    for (const frame of frames) says(side, frame);

    assert.deepEqual([closes.caller[0]?.code, closes.agent[0]?.code], ['protocol', 'protocol']);
    assert.equal(ends.length, 1);
    assert.ok(Object.values(links).every(({ isEnded }) => !isEnded));
  });
}

for (const [what, options, terminal] of [
  ['a terminal', {}, true],
  ['a connection', { hasErrors: false }, false],
] as const) {
  test(`output of ${what} is of one channel, or ends`, () => {
    const { says, heard, closes } = aSplice(options);
    says('agent', { type: 'accept', json: { ...accept, terminal } });
    says('agent', output(0, 5));
    says('agent', { ...output(5, 5), channel: 'error' });

    assert.deepEqual(
      heard.caller.map(({ type }) => type),
      ['accept', 'data'],
    );
    assert.deepEqual([closes.caller[0]?.code, closes.agent[0]?.code], ['protocol', 'protocol']);
  });
}

test("a caller's lost link leaves the session waiting; an agent's lost link is told to the caller", () => {
  const gone: Close = { code: 'host-away', message: 'cut' };
  const left = aSplice();
  left.links.server.end(gone);
  left.carry();
  const away = aSplice();
  away.links.toAgent.end(gone);
  away.carry();

  assert.equal(left.closes.agent[0]?.code, 'detached');
  assert.equal(away.closes.caller[0]?.code, 'host-away');
});

test('a server that stops lets the session wait, and tells the caller to come back', () => {
  const { splice, closes, carry } = aSplice();

  splice()?.close({ code: 'server-stopping', message: 'the server stops' });
  carry();

  assert.equal(closes.agent[0]?.code, 'detached');
  assert.equal(closes.caller[0]?.code, 'server-stopping');
});

test('a host that does not answer is told as such to the caller, and the agent is let off', async () => {
  const { closes, ends, carry } = aSplice({ times: { acceptMs: 20 } });

  await waitUntil('its end', () => ends.length === 1);
  carry();

  assert.match(closes.caller[0]?.message ?? '', /did not answer within 20 ms/);
  assert.deepEqual([closes.caller[0]?.code, closes.agent[0]?.code], ['unreachable', 'unreachable']);
});

test('a session through which nothing goes ends on both sides', async () => {
  const { says, closes, ends, carry } = aSplice({ times: { idleMs: 20 } });
  says('agent', { type: 'accept', json: accept });

  await waitUntil('its end', () => ends.length === 1);
  carry();

  assert.deepEqual([closes.caller[0]?.code, closes.agent[0]?.code], ['timed-out', 'timed-out']);
});

test('an OPEN that is too large once the server has added to it is told to the caller', () => {
  const tooLarge = new AppError('invalid-input', 'Cannot open a session: too large');
  const { closes, ends } = aSplice({
    openAgent: () => {
      throw tooLarge;
    },
  });

  assert.deepEqual([closes.caller[0]?.code, ends.length], ['refused', 1]);
});

test('who comes back gets no more credit than they have left', () => {
  const resume = { seat: accept.seat, received: 500, credit: 600 };
  const { says, closes, heard } = aSplice({ resume });
  says('agent', { type: 'accept', json: { ...accept, output: 1_000 } });

  says('agent', output(1_000, 100));
  assert.equal(heard.caller.at(-1)?.type, 'data');
  says('agent', output(1_100, 1));

  assert.match(closes.agent[0]?.message ?? '', /past the credit of 1100/);
});

test('a host without a link is told as away', () => {
  const port = portEnd();
  const closes: Close[] = [];
  const caller = new FrameLink({ port: port.port, mostStreams: 1 });
  const stream =
    caller.open({}, { onFrame: () => assert.fail('a frame'), onClose: (close) => closes.push(close) }) ??
    assert.fail('it is not opened');
  const ends: SpliceEnd[] = [];

  new Splice({ caller: stream, windowBytes, openAgent: () => undefined, onEnd: (end) => ends.push(end) });

  assert.equal(ends[0]?.close.code, 'host-away');
  assert.ok(stream.isClosed);
});
