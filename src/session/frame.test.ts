import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sessionLimits } from '../contracts/session-wire.ts';
import { decodeFrame, encodeFrame, type Frame, FrameError } from './frame.ts';

const offsets = fc.integer({ min: 0, max: sessionLimits.offset - sessionLimits.dataBytes });
const frames: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    type: fc.constant('data' as const),
    offset: offsets,
    channel: fc.constantFrom('input' as const, 'output' as const, 'error' as const),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  }),
  fc.record({ type: fc.constantFrom('credit' as const, 'end' as const), offset: offsets }),
  fc.record({
    type: fc.constantFrom('open' as const, 'accept' as const, 'control' as const, 'close' as const),
    json: fc.dictionary(
      fc.string({ maxLength: 8 }).filter((name) => name !== '__proto__'),
      fc.oneof(fc.string(), fc.integer(), fc.boolean()),
    ),
  }),
);
const streams = fc.integer({ min: 1, max: 2 ** 32 - 1 });

test('a frame is read back as it was written', () => {
  fc.assert(
    fc.property(streams, frames, (stream, frame) => {
      const read = decodeFrame(encodeFrame(stream, frame));
      assert.equal(read.stream, stream);
      assert.equal(JSON.stringify({ ...read.frame, hasHeadroom: undefined }), JSON.stringify(frame));
    }),
    { numRuns: 2_000 },
  );
});

test('data that was read is passed on without a copy, and reads the same under another number', () => {
  const message = encodeFrame(1, { type: 'data', offset: 5, channel: 'output', bytes: Buffer.from('hello') });

  const passed = encodeFrame(2, decodeFrame(message).frame);

  assert.equal(passed.buffer, message.buffer);
  const { stream, frame } = decodeFrame(passed);
  assert.deepEqual([stream, frame.type === 'data' && Buffer.from(frame.bytes).toString()], [2, 'hello']);
});

test('a frame looks as the reference says', () => {
  const message = encodeFrame(258, { type: 'data', offset: 2 ** 40 + 3, channel: 'error', bytes: Buffer.from('hi') });

  assert.equal(Buffer.from(message).toString('hex'), '03000001020100000000030268 69'.replace(' ', ''));
});

for (const [what, hex, stream] of [
  ['nothing', '', 0],
  ['a head that is cut', '03000001', 0],
  ['stream 0', '0400000000000000000000', 0],
  ['an unknown type', '0800000001', 0],
  ['type 0', '0000000001', 0],
  ['data without a byte', '0300000001000000000000', 1],
  ['data of nothing', '030000000100000000000001', 1],
  ['an unknown channel', '03000000010000000000000361', 1],
  ['data past the largest offset', '0300000001ffffffffffff0161', 1],
  ['credit that is cut', '04000000010000000000', 1],
  ['credit with more', '040000000100000000000000', 1],
  ['JSON that is none', '05000000017b', 1],
  ['a member twice', `0500000001${Buffer.from('{"a":1,"a":2}').toString('hex')}`, 1],
  ['bytes that are no UTF-8', '050000000122ff22', 1],
] as const) {
  test(`${what} is no frame`, () => {
    assert.throws(
      () => decodeFrame(Buffer.from(hex, 'hex')),
      (error) => error instanceof FrameError && error.stream === stream,
    );
  });
}

test('data and JSON above their limits are no frames', () => {
  const bytes = Buffer.alloc(sessionLimits.dataBytes + 1);
  assert.throws(() => decodeFrame(encodeFrame(1, { type: 'data', offset: 0, channel: 'input', bytes })), FrameError);
  const json = { text: Array.from({ length: 3 }, () => 'x'.repeat(8_000)) };
  assert.throws(() => decodeFrame(encodeFrame(1, { type: 'open', json })), FrameError);
});
