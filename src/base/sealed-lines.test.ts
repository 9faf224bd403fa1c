import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { openSealedLines, sealedLineCount, sealLines } from './sealed-lines.ts';

const key = randomBytes(32);

test('bytes come out of the end of a log as they were sealed, whatever stands before them', () => {
  for (const size of [0, 1, 9_000, 9_001, 200_000]) {
    const bytes = randomBytes(size);
    const lines = sealLines(bytes, key);

    const opened = openSealedLines(`some output\nand more${['', ...lines].join('\n')}\n`, key);

    assert.deepEqual(opened, bytes);
    assert.equal(lines.length, sealedLineCount(size));
    assert.ok(lines.every((line) => line.length < 16 * 1024));
  }
});

test('lines of another key, changed ones, and ones that are not whole are not opened', () => {
  const lines = sealLines(randomBytes(30_000), key);
  const others = sealLines(Buffer.from('fake'), randomBytes(32));
  const [first = ''] = lines;
  const [ofAnotherKey = ''] = sealLines(randomBytes(30_000), randomBytes(32));
  const logs = [
    [...lines, ...others],
    lines.slice(1),
    lines.toReversed(),
    [ofAnotherKey, ...lines.slice(1)],
    [`${first} more`, ...lines.slice(1)],
    [...lines, 'a last word'],
    [],
  ];

  for (const log of logs) assert.equal(openSealedLines(log.join('\n'), key), undefined);
});
