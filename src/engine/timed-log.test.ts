import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionBytes } from './host-sessions.ts';
import { engineTime, LogPosition } from './log-position.ts';
import { TimedLog } from './timed-log.ts';

type Line = readonly [channel: SessionBytes['channel'], second: number, text: string];

const timeOf = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000000001Z`;

function framed(lines: readonly Line[]): Buffer {
  return Buffer.concat(lines.map(([channel, second, text]) => frame(`${timeOf(second)} ${text}`, channel)));
}

function frame(text: string, channel: SessionBytes['channel'] = 'output'): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = channel === 'error' ? 2 : 1;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** What comes of it in pieces of a size: all bytes of a channel in one text. */
function read(
  bytes: Buffer,
  { size = bytes.length, position = new LogPosition(), showsTimes = false, isTerminal = false } = {},
) {
  const log = new TimedLog({ isTerminal, showsTimes, position });
  const texts = { output: '', error: '' };
  for (let at = 0; at < bytes.length; at += size)
    for (const part of log.take(bytes.subarray(at, at + size))) texts[part.channel] += Buffer.from(part.bytes);
  return texts;
}

const lines: readonly Line[] = [
  ['output', 1, 'one\n'],
  ['error', 1, 'bad\n'],
  ['output', 2, 'two, cut here '],
  ['output', 3, 'and there\n'],
  ['output', 3, '\n'],
];

for (const size of [1, 7, 1_000])
  test(`lines lose their times and keep their channels, in pieces of ${size} bytes`, () => {
    assert.deepEqual(read(framed(lines), { size }), { output: 'one\ntwo, cut here and there\n\n', error: 'bad\n' });
    assert.deepEqual(read(framed(lines.slice(0, 2)), { size, showsTimes: true }), {
      output: `${timeOf(1)} one\n`,
      error: `${timeOf(1)} bad\n`,
    });
  });

test('lines of a terminal are told apart by their ends', () => {
  const raw = Buffer.from(`${timeOf(1)} one\r\n${timeOf(2)} two words\r\n`);

  for (const size of [1, 7, 1_000]) assert.equal(read(raw, { size, isTerminal: true }).output, 'one\r\ntwo words\r\n');
});

test('a line of a terminal has a time after each piece that the engine keeps', () => {
  const [piece, rest] = ['x'.repeat(16_384), 'rest '];
  const raw = Buffer.from(`${timeOf(1)} ${piece}${timeOf(2)} ${piece}${timeOf(3)} ${rest}\r\n${timeOf(4)} next\r\n`);

  for (const size of [1, 7, 1_000, 100_000])
    assert.equal(read(raw, { size, isTerminal: true }).output, `${piece}${piece}${rest}\r\nnext\r\n`, `in ${size}`);
});

test('a line that was kept in pieces shows one time, also where it was cut off in one', () => {
  const timed = (from: string) =>
    framed([...lines, ['output', 4, 'x'] as const].filter(([, second]) => timeOf(second) >= from));
  const shown = `${timeOf(1)} one\n${timeOf(2)} two, cut here and there\n${timeOf(3)} \n${timeOf(4)} x`;
  const whole = timed('');
  for (let cut = 0; cut <= whole.length; cut += 1) {
    const position = new LogPosition();
    const before = read(whole.subarray(0, cut), { position, showsTimes: true });
    const from = position.at ?? '';
    position.reopen();

    const after = read(timed(from), { position, showsTimes: true });

    assert.equal(before.output + after.output, shown, `cut at ${cut}`);
    assert.equal(before.error + after.error, `${timeOf(1)} bad\n`, `cut at ${cut}`);
  }
});

test('a line without a time is whole, and the log goes on from the time before it', () => {
  for (const isTerminal of [true, false])
    for (const size of [1, 7, 1_000]) {
      const position = new LogPosition();
      const texts = [`${timeOf(1)} one\n`, 'error while reading\n', 'word\n', '\n'];
      const raw = isTerminal ? Buffer.from(texts.join('')) : Buffer.concat(texts.map((text) => frame(text)));

      assert.equal(read(raw, { size, isTerminal, position }).output, 'one\nerror while reading\nword\n\n');
      assert.equal(position.at, timeOf(1));
    }
});

test('a log whose clock was set back goes on without a repetition, also where it was cut off in a line', () => {
  const before = [1, 8, 9, 3].map((second) => ['output', second, `at ${second}\n`] as const);
  const later = [4, 9, 10].map((second) => ['output', second, `then ${second}\n`] as const);
  const whole = framed(before);
  for (const cut of [whole.length, whole.length - 2]) {
    const position = new LogPosition();
    const read1 = read(whole.subarray(0, cut), { position }).output;
    position.reopen();
    const from = position.at ?? '';

    const read2 = read(framed([...before, ...later].filter(([, second]) => timeOf(second) >= from)), {
      position,
    }).output;

    assert.equal(read1 + read2, 'at 1\nat 8\nat 9\nat 3\nthen 4\nthen 9\nthen 10\n');
  }
});

test('a log whose clock was set back and whose last line is gone goes on with what is later than all', () => {
  const position = new LogPosition();
  read(framed([9, 3].map((second) => ['output', second, `at ${second}\n`] as const)), { position });
  position.reopen();

  assert.equal(read(framed([['output', 10, 'later\n']]), { position }).output, 'later\n');
});

test('a log that breaks off anywhere goes on without a loss and without a repetition', () => {
  const whole = framed(lines);
  for (let cut = 0; cut <= whole.length; cut += 1) {
    const position = new LogPosition();
    const before = read(whole.subarray(0, cut), { position });
    const from = position.at ?? timeOf(0);
    position.reopen();

    const after = read(framed(lines.filter(([, second]) => timeOf(second) >= from)), { position });

    assert.deepEqual(
      { output: before.output + after.output, error: before.error + after.error },
      read(whole),
      `cut at ${cut}`,
    );
  }
});

test('times go to the engine in seconds, to the nanosecond', () => {
  assert.equal(engineTime('2026-01-01T00:00:01.000000001Z'), '1767225601.000000001');
  assert.equal(engineTime('2026-01-01T00:00:01Z'), '1767225601.000000000');
  assert.equal(engineTime('2026-01-01T01:00:01.5+01:00'), '1767225601.500000000');
});
