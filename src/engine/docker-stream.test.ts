import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { demultiplex, followProgress } from './docker-stream.ts';

function frame(stream: number, text: string): Buffer {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test('frames are split by stream, wherever the chunks of the connection end', async () => {
  const bytes = Buffer.concat([frame(1, 'out one'), frame(2, 'error'), frame(1, ''), frame(1, 'out two')]);
  for (const size of [1, 3, 8, 11, bytes.length]) {
    const texts = { stdout: '', stderr: '' };

    for await (const chunk of demultiplex(inPieces(bytes, size)))
      texts[chunk.stream] += Buffer.from(chunk.bytes).toString();

    assert.deepEqual(texts, { stdout: 'out oneout two', stderr: 'error' });
  }
});

test('a frame larger than a chunk is passed on in pieces and never collected', async () => {
  const sizes: number[] = [];

  for await (const { bytes } of demultiplex(inPieces(frame(1, 'x'.repeat(1_000_000)), 1_000))) sizes.push(bytes.length);

  assert.ok(Math.max(...sizes) <= 1_000);
  assert.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    1_000_000,
  );
});

test('progress is told line by line, and a failure in it is thrown', async () => {
  const lines: string[] = [];
  const messages = '{"stream":"Step 1"}\n{"status":"Pulling"}\n{"error":"no such image"}';

  const followed = followProgress(inPieces(Buffer.from(messages), 5), 'build', (line) => lines.push(line));

  await assert.rejects(followed, (error) => isAppError(error, 'internal') && /no such image/.test(error.message));
  assert.deepEqual(lines, ['Step 1', 'Pulling']);
});
