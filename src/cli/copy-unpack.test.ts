import assert from 'node:assert/strict';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Header, pack } from 'tar-stream';
import { tarEntries } from './copy-session.ts';
import { unpackCopy } from './copy-unpack.ts';

type Entry = Partial<Header> & { readonly name: string; readonly text?: string };

async function aFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-copy-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function unpack(entries: readonly Entry[], folder: string, name: string): Promise<string[]> {
  const tar = pack();
  for (const { text, ...header } of entries) {
    if (text === undefined) tar.entry(header);
    else tar.entry(header, text);
  }
  tar.finalize();
  return await unpackCopy(tarEntries(tar as AsyncIterable<Uint8Array>), { folder, name });
}

const top: Entry = { name: 'd/', type: 'directory', mode: 0o500 };

test('a folder comes whole under its new name, with modes, times, links within and second names', async (t) => {
  const folder = await aFolder(t);
  const mtime = new Date('2026-01-02T03:04:05Z');

  const leftOut = await unpack(
    [
      top,
      { name: 'd/a', text: 'one', mode: 0o4751, mtime },
      { name: 'd/sub/', type: 'directory', mode: 0o700 },
      { name: 'd/sub/up', type: 'symlink', linkname: '../a' },
      { name: 'd/again', type: 'link', linkname: 'd/a' },
    ],
    folder,
    'new',
  );

  assert.deepEqual(leftOut, []);
  assert.deepEqual((await readdir(join(folder, 'new'))).sort(), ['a', 'again', 'sub']);
  const found = await lstat(join(folder, 'new/a'));
  assert.deepEqual([found.mode & 0o7777, found.mtime, found.nlink], [0o751, mtime, 2]);
  assert.equal((await lstat(join(folder, 'new'))).mode & 0o777, 0o500);
  assert.equal(await readlink(join(folder, 'new/sub/up')), '../a');
});

test('a root is unpacked as it is, and what was there stays', async (t) => {
  const folder = await aFolder(t);
  await writeFile(join(folder, 'old'), 'old');

  await unpack(
    [
      { name: '/', type: 'directory' },
      { name: '/bin/', type: 'directory' },
      { name: '/bin/sh', text: 'x' },
    ],
    folder,
    '',
  );

  assert.deepEqual(await readdir(folder, { recursive: true }).then((names) => names.sort()), ['bin', 'bin/sh', 'old']);
});

test('devices, and links that lead outside, are left out and told', async (t) => {
  const folder = await aFolder(t);

  const leftOut = await unpack(
    [
      top,
      { name: 'd/null', type: 'character-device' },
      { name: 'd/fifo', type: 'fifo' },
      { name: 'd/root', type: 'symlink', linkname: '/etc' },
      { name: 'd/up', type: 'symlink', linkname: 'x/../../up' },
      { name: 'd/other', type: 'link', linkname: 'd/never' },
    ],
    folder,
    'new',
  );

  assert.deepEqual(leftOut, [
    'd/null: it is a character-device',
    'd/fifo: it is a fifo',
    'd/other: it is another name of what is not copied',
    'd/root: it leads outside, to /etc',
    'd/up: it leads outside, to x/../../up',
  ]);
  assert.deepEqual(await readdir(join(folder, 'new')), []);
});

test('a link that goes up after a name is left out, as that may be a link', async (t) => {
  const folder = await aFolder(t);

  const leftOut = await unpack(
    [
      top,
      { name: 'd/a/b/up', type: 'symlink', linkname: '../..' },
      { name: 'd/a/b/same', type: 'symlink', linkname: './/.././b/up/a' },
      { name: 'd/out', type: 'symlink', linkname: 'a/b/up/../..' },
      { name: 'd/twice', type: 'symlink', linkname: './a/b/up/..' },
    ],
    folder,
    'new',
  );

  assert.deepEqual(leftOut, [
    'd/out: it may lead outside, to a/b/up/../..',
    'd/twice: it may lead outside, to ./a/b/up/..',
  ]);
  assert.deepEqual(await readdir(join(folder, 'new')), ['a']);
  assert.deepEqual((await readdir(join(folder, 'new/a/b'))).sort(), ['same', 'up']);
});

test('names may be as long as a file system takes them', async (t) => {
  const folder = await aFolder(t);
  const [folderName, fileName] = ['夹'.repeat(85), '文'.repeat(85)];

  await unpack([top, { name: `d/${fileName}`, text: 'x' }], folder, folderName);

  assert.equal(await readFile(join(folder, folderName, fileName), 'utf8'), 'x');
});

test('nothing is written outside, whatever the paths and links of a tar say', async (t) => {
  const outside = await aFolder(t);
  for (const entries of [
    [top, { name: 'd/../../x', text: 'x' }],
    [top, { name: '../x', text: 'x' }],
    [top, { name: 'other/x', text: 'x' }],
    [
      { name: '/', type: 'directory' },
      { name: '/../x', text: 'x' },
    ],
    [
      top,
      { name: 'd/l', type: 'symlink', linkname: outside },
      { name: 'd/l/x', text: 'x' },
      { name: 'd/l/../../x', text: 'x' },
    ],
    [top, { name: 'd/again', type: 'link', linkname: '../../etc/passwd' }],
  ] satisfies Entry[][]) {
    const folder = await aFolder(t);
    await assert.rejects(unpack(entries, folder, 'new'), { code: 'refused' });
    assert.deepEqual([await readdir(folder), await readdir(outside)], [[], []]);
  }
});

test('a link that is here already is not gone through, and a folder gives way to nothing', async (t) => {
  const [folder, outside] = [await aFolder(t), await aFolder(t)];
  await mkdir(join(folder, 'd/sub'), { recursive: true });
  await symlink(outside, join(folder, 'd/l'));

  await assert.rejects(unpack([top, { name: 'd/l/x', text: 'x' }], folder, 'd'), { code: 'refused' });
  await assert.rejects(unpack([top, { name: 'd/sub', text: 'x' }], folder, 'd'), { code: 'refused' });
  await unpack([top, { name: 'd/l', text: 'in its place' }], folder, 'd');

  assert.deepEqual(await readdir(outside), []);
  assert.equal(await readFile(join(folder, 'd/l'), 'utf8'), 'in its place');
});

test('a file that breaks off leaves the one before it, and nothing half', async (t) => {
  const folder = await aFolder(t);
  await writeFile(join(folder, 'a'), 'before');
  async function* broken(): AsyncGenerator<Uint8Array> {
    const tar = pack();
    tar.entry({ name: 'a', size: 100_000 }).write(Buffer.alloc(50_000));
    for await (const bytes of tar as AsyncIterable<Uint8Array>) {
      yield bytes;
      throw new Error('the link was lost');
    }
  }

  for (const name of ['a', 'new']) {
    await assert.rejects(unpackCopy(tarEntries(broken()), { folder, name }), /the link was lost/);
    assert.deepEqual(await readdir(folder), ['a']);
  }
  assert.equal(await readFile(join(folder, 'a'), 'utf8'), 'before');
});
