import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StampedLines } from './stamped-lines.ts';

const second = (count: number) => `2026-11-22T01:00:${String(count).padStart(2, '0')}.000000000Z`;
const log = [
  `${second(1)} one\n`,
  `${second(2)} two\n`,
  `${second(2)} two again\n`,
  `${second(2)} \n`,
  `${second(3)} 2026-11-22T01:00:09Z is its text\n`,
  `${second(4)} four\n`,
].join('');
const text = 'one\ntwo\ntwo again\n\n2026-11-22T01:00:09Z is its text\nfour\n';

function shown(lines: StampedLines, ...parts: readonly string[]): string {
  return parts.map((part) => Buffer.from(lines.take(Buffer.from(part))).toString()).join('');
}

test('lines are shown without their stamps, or with them', () => {
  assert.equal(shown(new StampedLines(false), log), text);
  assert.equal(shown(new StampedLines(true), log), log);
});

test('wherever it is cut, and wherever it is lost, each byte is shown once', () => {
  const cuts = fc.array(fc.integer({ min: 0, max: log.length }), { maxLength: 4 });
  fc.assert(
    fc.property(cuts, fc.boolean(), (given, showsStamps) => {
      const ends = [...given].sort((one, other) => one - other);
      let lines = new StampedLines(showsStamps);
      let whole = '';
      for (const end of [...ends, log.length]) {
        const middle = Math.floor(end / 2);
        whole += shown(lines, log.slice(0, middle), log.slice(middle, end));
        lines = new StampedLines(showsStamps, lines.position);
      }
      assert.equal(whole, showsStamps ? log : text);
    }),
  );
});

test('a line that an engine cut has one stamp, also where it is lost within', () => {
  const [first, second_, third] = ['a', 'b', 'c'].map((letter) => letter.repeat(16_384));
  const long = `${second(1)} ${first}${second(1)} ${second_}${second(2)} ${third}${second(2)} end\n${second(3)} next\n`;
  const lines = new StampedLines(false);
  const start = shown(lines, long.slice(0, 40_000));
  const rest = shown(new StampedLines(false, lines.position), long);

  assert.equal(start + rest, `${first}${second_}${third}end\nnext\n`);
});

test('what has no stamps is shown as it is', () => {
  const plain = `12:30 now\n\n2026-11-22T01:00:00 no zone\n${'x'.repeat(50_000)}\n`;

  assert.equal(shown(new StampedLines(false), plain), plain);
  assert.equal(shown(new StampedLines(false), ...plain), plain);
});
