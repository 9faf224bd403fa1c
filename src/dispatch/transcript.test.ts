import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeForTests } from './suite-place.ts';
import { LineAssembler, transcriptLines } from './transcript.ts';

async function textsOf(lines: AsyncIterable<{ readonly text: string }>): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of lines) texts.push(text);
  return texts;
}

const piece = (second: number, text: string, stream = 'stdout') =>
  `${JSON.stringify({ at: `2026-01-01T00:00:0${second}.000Z`, stream, text })}\n`;

test('pieces become lines of their stream, with the time of their first piece', () => {
  const assembler = new LineAssembler();

  const lines = [
    ...assembler.add('stdout', 'a\nb', '1'),
    ...assembler.add('stderr', 'x\n', '2'),
    ...assembler.add('stdout', 'c\n\nd', '3'),
    ...assembler.rest(),
  ];

  assert.deepEqual(
    lines.map(({ stream, at, text }) => `${stream} ${at} ${text}`),
    ['stdout 1 a', 'stderr 2 x', 'stdout 1 bc', 'stdout 3 ', 'stdout 3 d'],
  );
});

test('an endless line comes in parts', () => {
  const assembler = new LineAssembler();
  const parts = Array.from({ length: 100 }, () => [...assembler.add('stdout', 'x'.repeat(10_000), undefined)]).flat();

  assert.ok(parts.length > 10);
  assert.ok(parts.every(({ text }) => text.length < 100_000));
});

test('a transcript is read from a time on, or its last lines; a line that was cut off is left out', async (t) => {
  const { storage } = await placeForTests(t);
  const text = `${piece(1, 'a\nb\n')}${piece(2, 'c\n', 'stderr')}${piece(3, 'd\ne')}{"at":"2026`;
  const { digest } = await storage.putBlob(Buffer.from(text));

  assert.deepEqual(await textsOf(transcriptLines(storage, digest, {})), ['a', 'b', 'c', 'd', 'e']);
  assert.deepEqual(await textsOf(transcriptLines(storage, digest, { tail: 2 })), ['d', 'e']);
  assert.deepEqual(await textsOf(transcriptLines(storage, digest, { tail: 0 })), []);
  const since = '2026-01-01T00:00:02.000Z';
  assert.deepEqual(await textsOf(transcriptLines(storage, digest, { since })), ['c', 'd', 'e']);
});
