import assert from 'node:assert/strict';
import { lstat, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import type { Pack } from 'tar-stream';
import { isAppError } from '../contracts/errors.ts';
import { extractTree } from './extract-tree.ts';
import { aFolder, tarOf } from './worker-under-test.ts';

async function extracted(t: TestContext, write: (tar: Pack) => void, maxBytes = 1_000): Promise<string> {
  const folder = join(await aFolder(t), 'tree');
  await mkdir(folder);
  await extractTree(Readable.from([await tarOf(write)]), folder, { maxBytes });
  return folder;
}

test('files, folders, modes and links come out as they went in', async (t) => {
  const folder = await extracted(t, (tar) => {
    tar.entry({ name: 'link', type: 'symlink', linkname: '/etc/passwd' });
    tar.entry({ name: './a/b/run.sh', mode: 0o755 }, 'echo');
    tar.entry({ name: `deep/${'x'.repeat(200)}/new\nline` }, 'text');
    tar.entry({ name: 'empty/', type: 'directory' });
  });

  assert.deepEqual((await readdir(folder)).sort(), ['a', 'deep', 'empty', 'link']);
  assert.equal((await stat(join(folder, 'a/b/run.sh'))).mode & 0o777, 0o755);
  assert.equal(await readlink(join(folder, 'link')), '/etc/passwd');
  assert.equal(await readFile(join(folder, 'deep', 'x'.repeat(200), 'new\nline'), 'utf8'), 'text');
});

for (const name of ['/etc/agora-escaped', '../escaped', 'a/../../escaped', 'a//b']) {
  test(`the path "${name}" is refused`, async (t) => {
    await assert.rejects(
      extracted(t, (tar) => void tar.entry({ name }, 'x')),
      (error) => isAppError(error, 'invalid-input'),
    );
  });
}

test('nothing is written through a link, whatever the order', async (t) => {
  const outside = await aFolder(t);

  await assert.rejects(
    extracted(t, (tar) => {
      tar.entry({ name: 'door', type: 'symlink', linkname: outside });
      tar.entry({ name: 'door/file' }, 'x');
    }),
  );

  assert.deepEqual(await readdir(outside), []);
});

test('files that replace others take the place of links and files, and lead nowhere else', async (t) => {
  const outside = await aFolder(t);
  const folder = await aFolder(t);
  await writeFile(join(outside, 'target'), 'untouched');
  await symlink(outside, join(folder, 'door'));
  await symlink(join(outside, 'target'), join(folder, 'link'));
  await writeFile(join(folder, 'file'), 'old');
  await mkdir(join(folder, 'kept'));
  await writeFile(join(folder, 'kept/other'), 'kept');
  const tar = await tarOf((pack) => {
    for (const name of ['door/file', 'link', 'file/below', 'kept/new']) pack.entry({ name }, 'new');
  });

  await extractTree(Readable.from([tar]), folder, { maxBytes: 1_000, replaces: true });

  assert.deepEqual(await readdir(outside), ['target']);
  assert.equal(await readFile(join(outside, 'target'), 'utf8'), 'untouched');
  for (const name of ['door/file', 'link', 'file/below', 'kept/new']) {
    assert.equal(await readFile(join(folder, name), 'utf8'), 'new');
  }
  assert.deepEqual((await readdir(join(folder, 'kept'))).sort(), ['new', 'other']);
});

test('a file does not replace a folder', async (t) => {
  const folder = await aFolder(t);
  await mkdir(join(folder, 'taken'));
  const tar = await tarOf((pack) => void pack.entry({ name: 'taken' }, 'new'));

  await assert.rejects(extractTree(Readable.from([tar]), folder, { maxBytes: 1_000, replaces: true }), (error) =>
    isAppError(error, 'source-refused'),
  );
});

test('devices and pipes are refused', async (t) => {
  for (const type of ['fifo', 'character-device'] as const) {
    await assert.rejects(
      extracted(t, (tar) => void tar.entry({ name: 'special', type })),
      (error) => isAppError(error, 'invalid-input'),
    );
  }
});

test('a tree over its limit is refused', async (t) => {
  await assert.rejects(
    extracted(t, (tar) => void tar.entry({ name: 'big' }, 'x'.repeat(1_001))),
    (error) => isAppError(error, 'limit-exceeded'),
  );
});

test('a tar that is cut off is refused', async (t) => {
  const folder = await aFolder(t);
  const whole = await tarOf((tar) => void tar.entry({ name: 'file' }, 'x'.repeat(5_000)));

  await assert.rejects(extractTree(Readable.from([whole.subarray(0, 2_000)]), folder, { maxBytes: 10_000 }));

  assert.equal((await lstat(folder)).isDirectory(), true);
});

test('more files or folders than a source may hold are refused, and what they came from is closed', async (t) => {
  for (const name of ['file', 'file/in/folders/']) {
    const folder = await aFolder(t);
    const whole = await tarOf((tar) => {
      for (let index = 0; index < 3; index += 1) tar.entry({ name: `${index}${name}`, type: 'file' }, 'x');
    });
    const source = Readable.from([whole.subarray(0, 1_600), whole.subarray(1_600)]);

    const extracting = extractTree(source, folder, { maxBytes: 1_000, maxEntries: 2 });

    await assert.rejects(extracting, (error) => isAppError(error, 'source-refused'));
    assert.equal(source.destroyed, true);
  }
});
