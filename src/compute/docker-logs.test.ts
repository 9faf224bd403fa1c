import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { test } from 'node:test';
import { sealLines } from '../base/sealed-lines.ts';
import type { LogChunk } from './compute.ts';
import { withoutSealedLines } from './docker-logs.ts';

const sealed = `\n${sealLines(randomBytes(20_000), randomBytes(32)).join('\n')}\n`;

async function* inPieces(text: string, longest: number): AsyncGenerator<LogChunk> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    const size = randomInt(1, longest + 1);
    yield { stream: 'stderr', bytes: bytes.subarray(at, at + size) };
    at += size;
  }
}

async function shown(log: AsyncIterable<LogChunk>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const { bytes } of withoutSealedLines(log)) chunks.push(bytes);
  return Buffer.concat(chunks).toString();
}

test('a report at the end of a log is not shown, wherever its pieces end', async () => {
  for (const output of ['', 'a line\n', 'no end', 'empty lines\n\n\n', '\n'])
    for (const longest of [1, 7, 5_000, 100_000]) {
      const expected = output === '' || output.endsWith('\n') ? output : `${output}\n`;

      const text = await shown(inPieces(`${output}${sealed}`, longest));

      assert.equal(text, expected, JSON.stringify({ output, longest }));
    }
});

test('what only resembles a report is shown', async () => {
  const text = 'a\n\u0001agora-seal\n\n\u0001\nx\u0001agora-sealed y\n\u0001agora';

  assert.equal(await shown(inPieces(text, 3)), text);
});
