import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { encodeFrame, type Frame } from './frame.ts';
import { FrameLink } from './frame-link.ts';
import { portEnd } from './port-end.suite.ts';

const mostStreams = 4;
const bytes = fc.uint8Array({ minLength: 0, maxLength: 24 });
const json = fc.oneof(
  fc.constant({ code: 'done', message: '' }),
  fc.constant({ code: 'no such', message: 1 }),
  fc.jsonValue({ maxDepth: 2 }),
);
const offset = fc.constantFrom(0, 1, 5, 2 ** 32, 2 ** 48 - 1);
const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ type: fc.constantFrom('open' as const, 'accept' as const, 'control' as const, 'close' as const), json }),
  fc.record({ type: fc.constantFrom('credit' as const, 'end' as const), offset }),
  fc.record({ type: fc.constant('data' as const), offset, channel: fc.constant('output' as const), bytes }),
);
/** Most are of streams that are open, so that there is something to break. */
interface Sent {
  readonly back: number;
  readonly frame: Frame;
  readonly harm: 'none' | 'cut' | 'flip' | 'noise' | 'strange';
  readonly at: number;
}
const sent: fc.Arbitrary<Sent> = fc.record({
  back: fc.nat(mostStreams),
  frame,
  harm: fc.oneof(
    { weight: 60, arbitrary: fc.constant('none' as const) },
    { weight: 1, arbitrary: fc.constantFrom('cut' as const, 'flip' as const, 'noise' as const, 'strange' as const) },
  ),
  at: fc.nat(255),
});

function messageOf({ back, frame: one, harm, at }: Sent, last: number): Uint8Array {
  if (harm === 'noise') return randomBytes(at % 64);
  const stream = one.type === 'open' ? last + 1 : Math.max(1, last - back);
  const message = Buffer.from(encodeFrame(harm === 'strange' ? at : stream, one));
  if (harm === 'cut') return message.subarray(0, at % message.length);
  if (harm === 'flip')
    message.writeUInt8(message.readUInt8(at % message.length) ^ ((at % 255) + 1), at % message.length);
  return message;
}

/** One that takes what comes, and looks that no stream hears anything after its end. */
function aServer() {
  const end = portEnd();
  let heard = 0;
  const link = new FrameLink({
    port: end.port,
    mostStreams,
    onOpen: () => {
      let isOver = false;
      return {
        onFrame: () => {
          assert.ok(!isOver, 'a frame after the end');
          heard += 1;
        },
        onClose: () => {
          assert.ok(!isOver, 'two ends');
          isOver = true;
        },
      };
    },
  });
  return { link, end, heard: () => heard };
}

test('100,000 frames of any kind never crash a link; one that breaks it ends it with a reason', () => {
  let [frames, ended, heard] = [0, 0, 0];
  fc.assert(
    fc.property(fc.array(sent, { minLength: 60, maxLength: 80 }), (messages) => {
      const server = aServer();
      server.link.receive(encodeFrame(1, { type: 'open', json: {} }));
      let last = 1;
      for (const one of messages) {
        frames += 1;
        server.link.receive(messageOf(one, last));
        if (one.frame.type === 'open') last += 1;
        assert.ok(server.link.openStreams <= mostStreams);
        server.end.carry(() => undefined);
      }
      assert.equal(server.link.isEnded, server.end.ends.length === 1);
      assert.ok(server.end.ends.every(({ code, reason }) => code === 1002 && reason.length > 0));
      if (server.link.isEnded) {
        ended += 1;
        assert.equal(server.link.openStreams, 0);
      }
      heard += server.heard();
    }),
    { numRuns: 1_800 },
  );
  assert.ok(frames >= 100_000, `only ${frames}`);
  assert.ok(
    ended > 100 && heard > 10_000,
    `${ended} links ended, ${heard} frames were heard: the fuzzer sees too little`,
  );
});

test('links that come and go with open streams leave nothing behind', () => {
  const before = heapBytes();
  for (let round = 0; round < 3_000; round += 1) {
    const { link } = aServer();
    const chunk = randomBytes(1_000);
    for (let stream = 1; stream <= mostStreams; stream += 1) {
      link.receive(encodeFrame(stream, { type: 'open', json: { round } }));
      link.receive(encodeFrame(stream, { type: 'data', offset: 0, channel: 'output', bytes: chunk }));
    }
    link.end({ code: 'host-away', message: 'it went' });
  }
  const grownBytes = heapBytes() - before;
  assert.ok(grownBytes < 1024 * 1024, `${grownBytes} bytes more`);
});

test('data of several streams arrives whole and in order however slowly it is carried', () => {
  const plan = fc.array(fc.record({ stream: fc.nat(2), size: fc.integer({ min: 1, max: 40_000 }) }), { maxLength: 40 });
  fc.assert(
    fc.property(plan, fc.integer({ min: 1, max: 5 }), (sends, pace) => {
      const [here, there] = [portEnd(), portEnd()];
      const got = new Map<number, Buffer>();
      const caller = new FrameLink({ port: here.port, mostStreams: 3 });
      const server = new FrameLink({
        port: there.port,
        mostStreams: 3,
        onOpen: ({ number }) => {
          const onFrame = (one: Frame) => {
            if (one.type !== 'data') return;
            const before = got.get(number) ?? Buffer.alloc(0);
            assert.equal(one.offset, before.length);
            got.set(number, Buffer.concat([before, one.bytes]));
          };
          return { onFrame, onClose: () => undefined };
        },
      });
      const quiet = { onFrame: () => undefined, onClose: () => undefined };
      const streams = [0, 1, 2].map(() => caller.open({}, quiet) ?? assert.fail());
      const sent = new Map<number, Buffer>();
      for (const [index, { stream, size }] of sends.entries()) {
        const before = sent.get(stream + 1) ?? Buffer.alloc(0);
        const bytes = Buffer.alloc(size, index);
        streams[stream]?.send({ type: 'data', offset: before.length, channel: 'output', bytes });
        sent.set(stream + 1, Buffer.concat([before, bytes]));
      }
      while (here.sent.length > 0) here.carry((one) => server.receive(one), pace);
      for (const [number, bytes] of sent) assert.ok(got.get(number)?.equals(bytes));
    }),
    { numRuns: 200 },
  );
});

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}
