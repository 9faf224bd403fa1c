import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Channel } from '../contracts/session-wire.ts';
import { ByteLog } from './byte-log.ts';

const channel = fc.constantFrom<Channel>('output', 'error');
const append = fc.record({ channel, bytes: fc.uint8Array({ maxLength: 700 }) });

const aPart = (offset: number, text: string) => ({
  ...{ type: 'data', offset, channel: 'error' },
  ...{ bytes: Buffer.from(text), hasHeadroom: true },
});

test('it reads as the whole would, of as much as it keeps', () => {
  fc.assert(
    fc.property(fc.array(append, { maxLength: 30 }), fc.integer({ min: 1, max: 900 }), (appends, most) => {
      const log = new ByteLog(1_000);
      const whole: { channel: Channel; byte: number }[] = [];
      for (const { channel: name, bytes } of appends) {
        log.append(name, bytes);
        whole.push(...Array.from(bytes, (byte) => ({ channel: name, byte })));
        assert.equal(log.end, whole.length);
        assert.equal(log.start, Math.max(0, whole.length - 1_000));
      }
      for (let at = log.start; at < log.end; ) {
        const part = log.read(at, most) ?? assert.fail(`nothing at ${at} of ${log.end}`);
        assert.ok(part.bytes.length <= most);
        const expected = whole.slice(at, at + part.bytes.length);
        assert.deepEqual(
          [...part.bytes],
          expected.map(({ byte }) => byte),
        );
        assert.ok(expected.every(({ channel: name }) => name === part.channel));
        at += part.bytes.length;
      }
      assert.equal(log.read(log.end, most), undefined);
    }),
    { numRuns: 500 },
  );
});

test('what was dropped is gone, and no more', () => {
  const log = new ByteLog(1_000);
  log.append('output', Buffer.from('abc'));
  log.append('error', Buffer.from('def'));

  log.drop(4);

  assert.equal(log.start, 4);
  assert.equal(log.read(3, 10), undefined);
  assert.deepEqual(log.read(4, 10), aPart(4, 'ef'));
});

test('a program that changes its channel with each byte loses nothing', () => {
  const log = new ByteLog(100_000);
  for (let index = 0; index < 10_000; index += 1) log.append(index % 2 === 0 ? 'output' : 'error', Buffer.from('x'));

  assert.deepEqual([log.start, log.end], [0, 10_000]);
  assert.deepEqual(log.read(5_001, 10), aPart(5_001, 'x'));
});
