import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { type LineChoice, readLines } from './line-log.ts';
import { ServerLog } from './server-log.ts';

function aLog(mostBytes?: number) {
  let second = 0;
  const now = () => new Date(Date.UTC(2026, 0, 1, 0, 0, second++));
  return new ServerLog({ say: () => undefined, now, ...(mostBytes !== undefined && { mostBytes }) });
}

/** What is read, as it comes. */
function reading(log: ServerLog, choice: Partial<LineChoice>) {
  const ending = new AbortController();
  const parts: string[] = [];
  const read = async () => {
    for await (const { bytes } of readLines(log, { follow: false, timestamps: false, ...choice }, ending.signal))
      parts.push(Buffer.from(bytes).toString());
  };
  return { ended: read(), text: () => parts.join(''), end: () => ending.abort() };
}

test('a log is read whole, from a time on, its last lines, and with times', async () => {
  const log = aLog();
  for (const line of ['one', 'two', 'three']) log.write(line);
  const whole = async (choice: Partial<LineChoice>) => {
    const { ended, text } = reading(log, choice);
    await ended;
    return text();
  };

  assert.equal(await whole({}), 'one\ntwo\nthree\n');
  assert.equal(await whole({ tail: 2 }), 'two\nthree\n');
  assert.equal(await whole({ tail: 0 }), '');
  assert.equal(await whole({ since: '2026-01-01T00:00:02Z' }), 'three\n');
  assert.equal(await whole({ tail: 1, timestamps: true }), '2026-01-01T00:00:02.000Z three\n');
});

test('who follows a log gets what comes, until they leave', async () => {
  const log = aLog();
  log.write('before');
  const { ended, text, end } = reading(log, { follow: true, tail: 0 });
  await waitUntil('the reader to be there', () => true);
  log.write('after');
  await waitUntil('the line', () => text() === 'after\n');
  log.write('more');
  await waitUntil('the next one', () => text() === 'after\nmore\n');

  end();
  await ended;
});

test('of a long log the newest lines stay, and a slow reader is told how many are gone', async () => {
  const log = aLog(10_000);
  log.write('first');
  const lines = readLines(log, { follow: true, timestamps: false }, new AbortController().signal);
  await lines.next();
  for (let line = 0; line < 1_000; line += 1) log.write(`line ${line}`);

  const { value: told } = await lines.next();
  const { value: rest } = await lines.next();

  assert.match(String(Buffer.from(told?.bytes ?? [])), /^\(9\d\d lines are not kept any more\)\n$/);
  assert.match(String(Buffer.from(rest?.bytes ?? [])), /line 999\n$/);
  assert.ok((rest?.bytes.length ?? 0) < 10_000);
});
