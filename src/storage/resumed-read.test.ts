import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { AppError, isAppError } from '../contracts/errors.ts';
import { resumedRead } from './resumed-read.ts';

/** A service that cuts each answer after so many bytes, the last amount again and again, by a clock of its own. */
function cutting(content: Buffer, { amounts, answerMs = 0 }: { amounts: readonly number[]; answerMs?: number }) {
  const positions: number[] = [];
  const pauses: number[] = [];
  let nowMs = 0;
  const open = async (position: number) => {
    const amount = amounts[Math.min(positions.length, amounts.length - 1)] ?? 0;
    positions.push(position);
    async function* body() {
      nowMs += answerMs;
      if (amount > 0) yield content.subarray(position, position + amount);
      if (position + amount < content.length) throw new Error('cut');
    }
    return { body: body(), totalBytes: content.length };
  };
  const options = {
    title: 'x',
    open,
    explain: (cause: unknown) => new AppError('unreachable', 'Cannot read x: it was cut', { cause }),
    now: () => nowMs,
    pause: async (ms: number) => {
      pauses.push(ms);
      nowMs += ms;
    },
  };
  return { positions, pauses, options, wait: (ms: number) => (nowMs += ms) };
}

test('a cut read goes on where it ended', async () => {
  const content = Buffer.from('0123456789');
  const { positions, options } = cutting(content, { amounts: [4, 0, 5, 9] });

  assert.deepEqual(await buffer(resumedRead(options)), content);
  assert.deepEqual(positions, [0, 4, 4, 9]);
});

test('cuts that bring nothing are waited between, longer each time, and end', async () => {
  const { positions, pauses, options } = cutting(Buffer.alloc(10), { amounts: [0] });

  await assert.rejects(buffer(resumedRead(options)), /it was cut/);

  assert.equal(positions.length, 6);
  assert.ok(pauses.length === 5 && (pauses[4] ?? 0) > 1_000, String(pauses));
});

test('a read that gets nowhere in time ends, however often a little comes', async () => {
  const { options } = cutting(Buffer.alloc(10_000_000), { amounts: [1_000], answerMs: 10 });

  await assert.rejects(
    buffer(resumedRead(options)),
    (error) => isAppError(error, 'unreachable') && /slower than 50 kB\/s/.test(error.message),
  );
});

test('how long the reader takes is not held against the service', async () => {
  const content = Buffer.alloc(5_000);
  const { options, wait } = cutting(content, { amounts: [1_000] });
  let sizeBytes = 0;

  for await (const chunk of resumedRead(options)) {
    sizeBytes += chunk.length;
    wait(100_000);
  }

  assert.equal(sizeBytes, content.length);
});
