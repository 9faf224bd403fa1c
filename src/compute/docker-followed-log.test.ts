import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { LogChunk, LogOptions } from './compute.ts';
import { followedLog } from './docker-followed-log.ts';

const at = (second: number) => `2026-01-01T00:00:0${second}.000Z`;
const line = (second: number, text: string, stream: LogChunk['stream'] = 'stdout') => ({
  stream,
  at: at(second),
  bytes: Buffer.from(text),
});
const lines = [line(1, 'one\n'), line(2, 'two\n'), line(2, 'oh\n', 'stderr'), line(2, 'three\n'), line(3, 'four\n')];

/** An engine whose connection breaks after so many bytes, at each opening. */
function breakingAfter(...breaks: readonly number[]) {
  const asked: LogOptions[] = [];
  async function* open(options: LogOptions): AsyncGenerator<LogChunk> {
    const limit = breaks[asked.length] ?? Number.POSITIVE_INFINITY;
    asked.push(options);
    let sent = 0;
    for (const { bytes, ...chunk } of lines.filter((one) => one.at >= (options.since ?? ''))) {
      const part = bytes.subarray(0, limit - sent);
      sent += part.length;
      if (part.length > 0) yield { ...chunk, bytes: part };
      if (part.length < bytes.length) throw new AppError('unreachable', 'Cannot read on: the line was cut');
    }
  }
  return { open, asked };
}

async function textOf(log: AsyncIterable<LogChunk>): Promise<string> {
  let text = '';
  for await (const { bytes } of log) text += Buffer.from(bytes).toString();
  return text;
}

test('a log goes on where its connection broke, wherever that was, and nothing is told twice', async () => {
  const whole = lines.map(({ bytes }) => bytes.toString()).join('');

  for (let first = 0; first <= whole.length; first += 1) {
    const { open } = breakingAfter(first, 7, 2, 6);
    assert.equal(await textOf(followedLog(open, { follow: true }, 1)), whole, `broken after ${first} bytes`);
  }
});

test('what was asked for is asked again, but the number of lines before the end', async () => {
  const { open, asked } = breakingAfter(5);

  await textOf(followedLog(open, { follow: true, tail: 10 }, 1));

  assert.deepEqual(asked, [
    { follow: true, tail: 10, timestamps: true },
    { follow: true, since: at(2), timestamps: true },
  ]);
});

test('times are told to those who asked for them', async () => {
  const timesOf = async (timestamps: boolean) => {
    const times: unknown[] = [];
    const { open } = breakingAfter();
    for await (const chunk of followedLog(open, { follow: true, timestamps }, 1)) times.push(chunk.at);
    return times;
  };

  assert.deepEqual(await timesOf(true), [at(1), at(2), at(2), at(2), at(3)]);
  assert.deepEqual(await timesOf(false), Array(5).fill(undefined));
});

test('another failure than a break ends it, and so does its reader', async () => {
  async function* gone(): AsyncGenerator<LogChunk> {
    yield line(1, 'one\n');
    throw new AppError('not-found', 'Cannot read: no such container');
  }
  const stop = new AbortController();
  const { open } = breakingAfter(...Array(1_000).fill(0));
  const waiting = textOf(followedLog(open, { follow: true, signal: stop.signal }, 1));
  stop.abort(new Error('enough'));

  await assert.rejects(textOf(followedLog(gone, { follow: true }, 1)), (error) => isAppError(error, 'not-found'));
  await assert.rejects(waiting, /enough/);
});
