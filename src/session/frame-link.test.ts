import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { type Close, sessionLimits } from '../contracts/session-wire.ts';
import { decodeFrame, encodeFrame, type StreamFrame } from './frame.ts';
import { FrameLink } from './frame-link.ts';
import type { LinkStream, StreamHandler } from './link-stream.ts';
import { portEnd } from './port-end.suite.ts';

interface Heard extends StreamHandler {
  readonly frames: StreamFrame[];
  readonly closes: Close[];
}

function listener(): Heard {
  const frames: StreamFrame[] = [];
  const closes: Close[] = [];
  return { frames, closes, onFrame: (frame) => frames.push(frame), onClose: (close) => closes.push(close) };
}

/** A caller that opens, and a server that takes what is opened. */
function aLink(mostStreams = 10) {
  const [here, there] = [portEnd(), portEnd()];
  const taken: { readonly stream: LinkStream; readonly heard: Heard; readonly request: unknown }[] = [];
  const caller = new FrameLink({ port: here.port, mostStreams: 1_000 });
  const server = new FrameLink({
    port: there.port,
    mostStreams,
    onOpen: (stream, request) => {
      const heard = listener();
      taken.push({ stream, heard, request });
      return heard;
    },
  });
  const carry = () => {
    here.carry((message) => server.receive(message));
    there.carry((message) => caller.receive(message));
  };
  const open = () => {
    const heard = listener();
    const stream = caller.open({ n: 1 }, heard) ?? assert.fail('it is not opened');
    carry();
    return { stream, heard, other: taken.at(-1) ?? assert.fail('it is not taken') };
  };
  return { here, there, caller, server, carry, open, taken };
}

const data = (offset: number, text: string | Buffer) => ({
  type: 'data' as const,
  offset,
  channel: 'output' as const,
  bytes: Buffer.from(text),
});

test('what one side sends in a stream the other gets, and that it was closed', () => {
  const { open, carry, caller, server } = aLink();
  const { stream, heard, other } = open();

  other.stream.send({ type: 'accept', json: { sessionId: 'x' } });
  other.stream.send(data(0, 'hello'));
  other.stream.send({ type: 'end', offset: 5 });
  other.stream.closeAfter({ code: 'done', message: 'it ended' });
  carry();

  assert.deepEqual(other.request, { n: 1 });
  assert.deepEqual(
    heard.frames.map(({ type }) => type),
    ['accept', 'data', 'end'],
  );
  assert.deepEqual(heard.closes, [{ code: 'done', message: 'it ended' }]);
  assert.deepEqual(other.heard.closes, [], 'who closes is not told');
  assert.ok(stream.isClosed);
  assert.equal(caller.openStreams + server.openStreams, 0);
});

test('frames that were under way to a closed stream are dropped', () => {
  const { open, carry, caller } = aLink();
  const { stream, heard, other } = open();

  other.stream.send(data(0, 'late'));
  stream.close({ code: 'cancelled', message: 'enough' });
  carry();

  assert.deepEqual(heard.frames, []);
  assert.equal(other.heard.closes[0]?.code, 'cancelled');
  assert.ok(!caller.isEnded);
});

test('a stream full of data lets another through, and gives way to credit', () => {
  const { open, there, carry } = aLink();
  const [bulk, terminal] = [open(), open()];
  const chunk = Buffer.alloc(sessionLimits.dataBytes);

  for (let part = 0; part < 20; part += 1) bulk.other.stream.send(data(part * chunk.length, chunk));
  assert.ok(there.sent.length <= 2, 'it is not handed to the socket at once');
  terminal.other.stream.send(data(0, 'k'));
  bulk.other.stream.send({ type: 'credit', offset: 7 });
  there.carry((message) => bulk.stream.isClosed || void message, 2);

  const order = there.sent.map((message) => decodeFrame(message));
  assert.equal(order[0]?.frame.type, 'credit');
  assert.ok(order.findIndex(({ stream }) => stream === terminal.stream.number) <= 2);
  carry();
  assert.equal(bulk.heard.frames.filter(({ type }) => type === 'data').length, 18);
});

test('a cancelled stream sends nothing of what it still had', () => {
  const { open, there } = aLink();
  const { other } = open();
  const chunk = Buffer.alloc(sessionLimits.dataBytes);
  for (let part = 0; part < 20; part += 1) other.stream.send(data(part * chunk.length, chunk));

  other.stream.close({ code: 'timed-out', message: 'idle' });
  const types: string[] = [];
  there.carry((message) => types.push(decodeFrame(message).frame.type));

  assert.deepEqual(types, ['data', 'data', 'close']);
});

test('nothing waits any more for a stream that the other side closed', () => {
  const { open, here, there, server } = aLink();
  const { stream, other } = open();
  const chunk = Buffer.alloc(sessionLimits.dataBytes);
  for (let part = 0; part < 20; part += 1) other.stream.send(data(part * chunk.length, chunk));

  stream.close({ code: 'cancelled', message: 'enough' });
  here.carry((message) => server.receive(message));
  const types: string[] = [];
  there.carry((message) => types.push(decodeFrame(message).frame.type));

  assert.deepEqual(types, ['data', 'data']);
});

test('a stream counts until all data has left that was sent before its close', () => {
  const { open, here, carry, caller, server, taken } = aLink(1);
  const { other, heard } = open();
  const chunk = Buffer.alloc(sessionLimits.dataBytes);
  for (let part = 0; part < 20; part += 1) other.stream.send(data(part * chunk.length, chunk));
  other.stream.closeAfter({ code: 'timed-out', message: 'idle' });

  const early = listener();
  caller.open({ n: 2 }, early);
  here.carry((message) => server.receive(message));
  assert.equal(taken.length, 1);
  carry();
  open();

  assert.deepEqual([heard.closes[0]?.code, early.closes[0]?.code], ['timed-out', 'limit-exceeded']);
  assert.deepEqual([heard.frames.length, taken.length], [20, 2]);
});

test('more streams than may be open are refused, each by itself', () => {
  const { open, caller, carry } = aLink(2);
  open();
  open();
  const heard = listener();
  caller.open({ n: 3 }, heard);
  carry();

  assert.deepEqual(
    heard.closes.map(({ code }) => code),
    ['limit-exceeded'],
  );
  assert.ok(!caller.isEnded);
});

test('a side that asks without end while the other does not read is closed', () => {
  const { open } = aLink();
  const { other } = open();
  const chunk = Buffer.alloc(sessionLimits.dataBytes);
  for (let part = 0; part < 4; part += 1) other.stream.send(data(part * chunk.length, chunk));

  for (let count = 0; count < 100; count += 1)
    other.stream.send({ type: 'control', json: { event: 'notice', text: 'x' } });

  assert.deepEqual(
    other.heard.closes.map(({ code }) => code),
    ['limit-exceeded'],
  );
});

test('of credits and of sizes that wait only the last leaves', () => {
  const { open, carry } = aLink();
  const { other, heard } = open();
  const chunk = Buffer.alloc(sessionLimits.dataBytes);
  for (let part = 0; part < 4; part += 1) other.stream.send(data(part * chunk.length, chunk));

  for (let count = 0; count < 1_000; count += 1) {
    other.stream.send({ type: 'credit', offset: count === 500 ? 9_999 : count });
    other.stream.send({ type: 'control', json: { event: 'resize', columns: count + 1, rows: 1 } });
  }
  carry();

  assert.deepEqual(
    heard.frames.filter(({ type }) => type !== 'data'),
    [
      { type: 'credit', offset: 9_999 },
      { type: 'control', json: { event: 'resize', columns: 1_000, rows: 1 } },
    ],
  );
  assert.deepEqual(other.heard.closes, []);
});

for (const [what, handler] of [
  ['takes frames', { onFrame: () => assert.fail('a defect'), onClose: () => undefined }],
  ['is closed', { onFrame: () => assert.fail('a defect'), onClose: () => assert.fail('another') }],
] as const) {
  test(`a handler that fails when it ${what} ends its stream alone`, () => {
    const ports = [portEnd(), portEnd()] as const;
    const defects: unknown[] = [];
    const heard = [listener(), listener()] as const;
    const caller = new FrameLink({ port: ports[0].port, mostStreams: 2 });
    const server = new FrameLink({
      port: ports[1].port,
      mostStreams: 2,
      onOpen: () => handler,
      onDefect: (error) => defects.push(error),
    });
    const streams = heard.map((one) => caller.open({}, one));
    streams[0]?.send({ type: 'end', offset: 0 });
    ports[0].carry((message) => server.receive(message));
    ports[1].carry((message) => caller.receive(message));

    assert.deepEqual([heard[0].closes[0]?.code, heard[1].closes.length], ['internal', 0]);
    assert.ok(!server.isEnded && defects.length > 0);
    assert.ok(!heard[0].closes[0]?.message.includes('defect at'), heard[0].closes[0]?.message);
  });
}

test('a defect while a stream is opened ends that stream alone', () => {
  const port = portEnd();
  const server = new FrameLink({ port: port.port, mostStreams: 2, onOpen: () => assert.fail('a defect') });

  server.receive(encodeFrame(1, { type: 'open', json: {} }));

  assert.equal(decodeFrame(port.sent[0] ?? Buffer.alloc(0)).frame.type, 'close');
  assert.ok(!server.isEnded);
});

test('what fits in no OPEN is told to who asks, and costs nothing', () => {
  const { caller, here, open } = aLink();
  for (const command of [Array.from({ length: 5 }, () => 'x'.repeat(8_000)), ['漢'.repeat(8_000)]]) {
    assert.throws(
      () => caller.open({ command }, listener()),
      (error) => isAppError(error, 'invalid-input') && /^Cannot open a session: open /.test(error.message),
    );
  }

  assert.deepEqual([here.sent.length, caller.openStreams], [0, 0]);
  assert.deepEqual(open().heard.closes, []);
});

test('an OPEN that cannot be read closes its stream alone', () => {
  const { open, server, caller, here, carry } = aLink();
  const first = open();
  const second = listener();
  caller.open({}, second);
  here.sent[0]?.fill(0x7b, 5);
  carry();

  assert.equal(second.closes[0]?.code, 'protocol');
  assert.ok(!server.isEnded);
  assert.deepEqual([first.heard.closes, open().heard.closes], [[], []]);
});

test('a malformed frame closes its stream alone', () => {
  const { open, server, carry } = aLink();
  const [broken, whole] = [open(), open()];

  server.receive(Buffer.from(`05${'0000000'}${broken.stream.number}7b`, 'hex'));
  carry();

  assert.equal(broken.heard.closes[0]?.code, 'protocol');
  assert.equal(broken.other.heard.closes[0]?.code, 'protocol');
  assert.deepEqual(whole.heard.closes, []);
  assert.ok(!server.isEnded);
});

for (const [what, message] of [
  ['a stream that was never opened', encodeFrame(9, { type: 'credit', offset: 1 })],
  ['a stream that is opened again', encodeFrame(1, { type: 'open', json: {} })],
  ['no frame at all', Buffer.from('hello')],
] as const) {
  test(`${what} ends the link with a reason`, () => {
    const { open, server, there } = aLink();
    const { other } = open();

    server.receive(message);

    assert.ok(server.isEnded);
    assert.equal(there.ends[0]?.code, 1002);
    assert.equal(other.heard.closes[0]?.code, 'protocol');
  });
}

test('a lost link is told to each stream once, and nothing is sent any more', () => {
  const { open, caller, here } = aLink();
  const [first, second] = [open(), open()];

  caller.end({ code: 'host-away', message: 'the link was lost' });
  caller.end({ code: 'host-away', message: 'the link was lost' });
  first.stream.send({ type: 'credit', offset: 9 });

  assert.deepEqual([first.heard.closes.length, second.heard.closes.length], [1, 1]);
  assert.equal(here.sent.length, 0);
  assert.equal(caller.open({}, listener()), undefined);
});

test('a reason that is too long for a WebSocket is cut where a character ends', () => {
  const { open, server, there } = aLink();
  const { other } = open();

  server.receive(encodeFrame(9, { type: 'open', json: { ['漢'.repeat(200)]: 1, a: 'x' } }));
  server.receive(
    Buffer.from(
      `0500000063${Buffer.from('{"漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢":1,"漢":1,"漢":2}').toString('hex')}`,
      'hex',
    ),
  );

  assert.ok(server.isEnded);
  assert.equal(other.heard.closes.length, 1);
  const reason = there.ends[0]?.reason ?? '';
  assert.ok(Buffer.byteLength(reason) <= 123 && !reason.includes('\uFFFD'), reason);
});

test('small data that waits is joined, and costs no more than its bytes', () => {
  const { open, there, carry } = aLink();
  const { other, heard } = open();
  const bulk = Buffer.alloc(sessionLimits.dataBytes);
  for (let part = 0; part < 3; part += 1) other.stream.send(data(part * bulk.length, bulk));
  const start = 3 * bulk.length;

  for (let count = 0; count < 20_000; count += 1) other.stream.send(data(start + count, 'x'));
  const waiting = there.sent.length;
  carry();

  const small = heard.frames.slice(3).flatMap((frame) => (frame.type === 'data' ? [frame] : []));
  assert.ok(waiting <= 3, `${waiting} messages`);
  assert.deepEqual(
    small.map(({ offset, bytes }) => [offset, bytes.length]),
    [
      [start, sessionLimits.pieceBytes],
      [start + sessionLimits.pieceBytes, 20_000 - sessionLimits.pieceBytes],
    ],
  );
});

test('data that changes its channel without end arrives as it was sent, however long it is not read', () => {
  const { open, carry, there } = aLink();
  const { other, heard } = open();
  const bulk = Buffer.alloc(sessionLimits.dataBytes);
  for (let part = 0; part < 3; part += 1) other.stream.send(data(part * bulk.length, bulk));
  const start = 3 * bulk.length;
  const channelOf = (count: number) => (count % 2 === 0 ? 'output' : 'error');

  const before = process.memoryUsage().arrayBuffers;
  for (let count = 0; count < 50_000; count += 1) {
    other.stream.send({ ...data(start + count, String.fromCharCode(count % 128)), channel: channelOf(count) });
  }
  const heldBytes = process.memoryUsage().arrayBuffers - before;
  const waiting = there.sent.length;
  carry();

  assert.ok(waiting <= 3, `${waiting} messages`);
  assert.ok(heldBytes < 1024 * 1024, `${heldBytes} bytes are held`);
  assert.deepEqual(other.heard.closes, []);
  const small = heard.frames.slice(3);
  assert.equal(small.length, 50_000);
  for (const [count, frame] of small.entries()) {
    const { offset, channel, bytes } = frame.type === 'data' ? frame : assert.fail('it is no data');
    assert.deepEqual([offset, channel, bytes[0]], [start + count, channelOf(count), count % 128]);
  }
});

test('a side that opens and opens and reads no refusal loses its link', () => {
  const port = portEnd();
  const server = new FrameLink({ port: port.port, mostStreams: 1, onOpen: () => undefined });

  for (let number = 1; number < 200_000 && !server.isEnded; number += 1)
    server.receive(encodeFrame(number, { type: 'open', json: {} }));

  assert.equal(port.ends[0]?.code, 1008);
});
