import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { packFiles } from '../base/file-pack.ts';
import { isAppError } from '../contracts/errors.ts';
import { takeHandOver } from './hand-over.ts';
import { aFolder } from './worker-under-test.ts';

async function aHandOver(t: TestContext, bytes: Uint8Array) {
  const folder = await aFolder(t);
  await writeFile(join(folder, 'stdin'), bytes);
  const file = openSync(join(folder, 'stdin'), 'r');
  t.after(() => closeSync(file));
  return { folder, take: () => takeHandOver(file, join(folder, 'in')) };
}

const headOf = (sizes: { readonly packBytes: number; readonly secretBytes: number }) =>
  Buffer.from(`${JSON.stringify({ ...sizes, reportKey: 'AAEC' })}\n`);

test('inputs are laid out for everybody to read, secrets are given as they came', async (t) => {
  const pack = packFiles([
    { path: 'task.json', bytes: Buffer.from('{}') },
    { path: 'inputs/large', bytes: Buffer.alloc(200_000, 'x') },
  ]);
  const secrets = Buffer.from('{"TOKEN":"ü"}');
  const head = headOf({ packBytes: pack.length, secretBytes: secrets.length });
  const { folder, take } = await aHandOver(t, Buffer.concat([head, pack, secrets]));

  const handed = take();

  assert.deepEqual(Buffer.from(handed.reportKey), Buffer.from([0, 1, 2]));
  assert.deepEqual(await buffer(handed.secrets), secrets);
  assert.equal(readFileSync(join(folder, 'in/task.json'), 'utf8'), '{}');
  assert.equal(statSync(join(folder, 'in/inputs/large')).size, 200_000);
  assert.equal(statSync(join(folder, 'in/inputs/large')).mode & 0o777, 0o444);
});

test('what ends early, is no hand-over or is too long is refused', async (t) => {
  const bad = {
    'ended early': Buffer.concat([headOf({ packBytes: 0, secretBytes: 10 }), Buffer.from('short')]),
    'ended early without a line': Buffer.from('{"packBytes":0'),
    'no object': Buffer.from('null\n'),
    'no JSON': Buffer.from('packBytes\n'),
    'lacks a field': Buffer.from('{"packBytes":0}\n'),
    'a negative size': headOf({ packBytes: 0, secretBytes: -1 }),
    'too long': Buffer.concat([headOf({ packBytes: 0, secretBytes: 3_000_000 }), Buffer.alloc(3_000_000)]),
  };
  for (const [state, bytes] of Object.entries(bad)) {
    const { take } = await aHandOver(t, bytes);

    assert.throws(take, (error) => isAppError(error, 'invalid-input'), state);
  }
});
