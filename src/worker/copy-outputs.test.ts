import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { leftToNpmTest } from '../../test/support/quick-tests.ts';
import { Redactor } from '../base/redact.ts';
import { copyOutputs, outputLimits } from './copy-outputs.ts';
import { diskUsage } from './disk-usage.ts';
import { aFolder, digDeep } from './worker-under-test.ts';

const redactor = new Redactor({});

async function twoFolders(t: TestContext): Promise<{ from: string; to: string }> {
  const root = await aFolder(t);
  await mkdir(join(root, 'from'));
  return { from: join(root, 'from'), to: join(root, 'to') };
}

test('regular files are copied with their paths, everything else is named as left out', async (t) => {
  const { from, to } = await twoFolders(t);
  await mkdir(join(from, 'sub'));
  await writeFile(join(from, 'sub/new\nline'), 'text', { mode: 0o400 });
  await symlink('/etc/passwd', join(from, 'link'));
  await symlink('/etc', join(from, 'folder'));
  execFileSync('mkfifo', [join(from, 'pipe')]);

  const { outputs, leftOut } = await copyOutputs(from, to, { maxBytes: 1_000, redactor });

  assert.deepEqual(outputs, [{ path: 'sub/new\nline', sizeBytes: 4 }]);
  assert.deepEqual(leftOut, ['"folder": a link', '"link": a link', '"pipe": not a regular file']);
  assert.equal(await readFile(join(to, 'sub/new\nline'), 'utf8'), 'text');
  assert.deepEqual(await readdir(to), ['sub']);
});

test('only so many files are copied', async (t) => {
  const { from, to } = await twoFolders(t);
  for (let index = 0; index < outputLimits.files + 70; index += 1) await writeFile(join(from, `file-${index}`), '');

  const { outputs, leftOut } = await copyOutputs(from, to, { maxBytes: 1_000, redactor });

  assert.equal(outputs.length, outputLimits.files);
  assert.equal(leftOut.length, 65);
  assert.equal(leftOut.at(-1), '6 more');
});

test('a file that is too large, or too large with the others, is left out', async (t) => {
  const { from, to } = await twoFolders(t);
  await writeFile(join(from, 'large'), '');
  await truncate(join(from, 'large'), outputLimits.fileBytes + 1);
  await writeFile(join(from, 'second'), 'x'.repeat(600));

  const { outputs, leftOut } = await copyOutputs(from, to, { maxBytes: 500, redactor });

  assert.deepEqual(outputs, []);
  assert.deepEqual(leftOut, [
    `"large": larger than ${outputLimits.fileBytes} bytes`,
    '"second": all together larger than 500 bytes',
  ]);
});

test('a file that grows past the limit where its secrets are replaced is left out', async (t) => {
  const { from, to } = await twoFolders(t);
  await writeFile(join(from, 'grows'), 'secret '.repeat(100));
  await writeFile(join(from, 'small'), 'x');

  const copied = await copyOutputs(from, to, { maxBytes: 1_000, redactor: new Redactor({ NAME: 'secret' }) });

  assert.deepEqual(copied.outputs, [{ path: 'small', sizeBytes: 1 }]);
  assert.deepEqual(copied.leftOut, ['"grows": too large without its secrets']);
  assert.deepEqual(await readdir(to), ['small']);
});

test('a stop while outputs are copied keeps those that are whole and names the others', async (t) => {
  const { from, to } = await twoFolders(t);
  await mkdir(join(from, 'sub'));
  await writeFile(join(from, 'first'), 'whole');
  await writeFile(join(from, 'sub/large'), '');
  await truncate(join(from, 'sub/large'), 64 * 1024 * 1024);
  const stop = new AbortController();
  const reason = new Error('stopped');
  const look = (): void => {
    if (existsSync(join(to, 'sub/large'))) stop.abort(reason);
    else setImmediate(look);
  };
  look();

  const copied = await copyOutputs(from, to, { maxBytes: 1e9, redactor, signal: stop.signal });

  assert.deepEqual(copied, {
    outputs: [{ path: 'first', sizeBytes: 5 }],
    leftOut: ['"sub/large": the copying ended before it was done'],
    redacted: [],
    endedBy: reason,
  });
  assert.deepEqual(await readdir(join(to, 'sub')), []);
});

test('a tree deeper than any path may be long is measured and passed over', { skip: leftToNpmTest }, async (t) => {
  const { from, to } = await twoFolders(t);
  digDeep(from, 10_000);
  await writeFile(join(from, 'kept'), 'x');

  const { outputs, leftOut } = await copyOutputs(from, to, { maxBytes: 1_000, redactor });

  assert.deepEqual(outputs, [{ path: 'kept', sizeBytes: 1 }]);
  assert.match(leftOut[0] ?? '', /path is longer than/);
  assert.ok((await diskUsage([from], 1e9)) > 10_000 * 256);
});

test('a file with two names is measured once', async (t) => {
  const { from } = await twoFolders(t);
  await writeFile(join(from, 'one'), Buffer.alloc(100_000));
  execFileSync('ln', [join(from, 'one'), join(from, 'two')]);

  const bytes = await diskUsage([from], 1e9);

  assert.ok(bytes >= 100_000 && bytes < 200_000, `measured ${bytes}`);
});
