import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { readSecrets, readTaskSpec } from './receive.ts';
import { aFolder } from './worker-under-test.ts';

test('secrets are read to their announced size, in whatever pieces they come, and stdin stays open', async () => {
  const text = JSON.stringify({ TOKEN: 'grün' });
  const bytes = Buffer.from(text);
  const stdin = new PassThrough();

  const reading = readSecrets(stdin, bytes.length);
  for (const byte of bytes) stdin.write(Buffer.of(byte));

  assert.deepEqual(await reading, { TOKEN: 'grün' });
  assert.equal(stdin.readableEnded, false);
});

test('no secrets are announced, nothing is read', async () => {
  assert.deepEqual(await readSecrets(new PassThrough(), 0), {});
});

test('secrets that end early are refused, and none is quoted', async () => {
  const stdin = new PassThrough();
  stdin.end('{"TOKEN":"private');

  const isRight = (error: unknown) => isAppError(error, 'invalid-input') && !error.message.includes('private');
  await assert.rejects(readSecrets(stdin, 100), isRight);
});

test('secrets that are no JSON are refused, and none is quoted', async () => {
  const stdin = new PassThrough();
  stdin.end('"private');

  const isRight = (error: unknown) => isAppError(error, 'invalid-input') && !error.message.includes('private');
  await assert.rejects(readSecrets(stdin, 8), isRight);
});

test('secrets that are no texts are refused', async () => {
  const stdin = new PassThrough();
  stdin.write('{"TOKEN":17}');

  await assert.rejects(readSecrets(stdin, 12), (error) => isAppError(error, 'invalid-input'));
});

test('what is no task is refused', async (t) => {
  const file = join(await aFolder(t), 'task.json');
  await writeFile(file, '{"unknown":1}');

  assert.throws(
    () => readTaskSpec(file),
    (error) => isAppError(error, 'invalid-input'),
  );
});
