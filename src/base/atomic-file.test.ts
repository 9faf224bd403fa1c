import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { diskFullError, makePrivateFolder, writeFileAtomically } from './atomic-file.ts';

const folder = await mkdtemp(join(tmpdir(), 'agora-atomic-'));
after(() => rm(folder, { recursive: true, force: true }));

test('a file is replaced whole and only its owner may read it', async () => {
  const path = join(folder, 'replaced.json');
  await writeFileAtomically(path, 'old');

  await writeFileAtomically(path, 'new');

  assert.equal(await readFile(path, 'utf8'), 'new');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test('a write that fails leaves nothing behind', async () => {
  const parent = join(folder, 'failing');
  await assert.rejects(writeFileAtomically(join(parent, 'file'), 'text'), { code: 'ENOENT' });

  assert.equal((await readdir(folder)).includes('failing'), false);
  assert.equal(
    (await readdir(folder)).some((name) => name.endsWith('.tmp')),
    false,
  );
});

test('readers during many writes see one of the texts, never a part', async () => {
  const path = join(folder, 'busy.txt');
  const texts = ['a'.repeat(70_000), 'b'.repeat(90_000)] as const;
  await writeFileAtomically(path, texts[0], { durable: false });

  const writes = Array.from({ length: 40 }, (_, index) =>
    writeFileAtomically(path, texts[index % 2] ?? '', { durable: false }),
  );
  const reads = await Promise.all(Array.from({ length: 40 }, () => readFile(path, 'utf8')));
  await Promise.all(writes);

  assert.equal(
    reads.every((text) => text === texts[0] || text === texts[1]),
    true,
  );
});

test('a full disk is named with the path and the next step', () => {
  const error = diskFullError('/somewhere/state', Object.assign(new Error('write'), { code: 'ENOSPC' }));

  assert.equal(isAppError(error, 'disk-full'), true);
  assert.match(error?.message ?? '', /"\/somewhere\/state"/);
  assert.match(error?.next ?? '', /\/somewhere/);
});

test('a private folder is made with those above it, for its owner only, and again without harm', async () => {
  const path = join(folder, 'private', 'in', 'deep');

  for (const durable of [true, false]) await makePrivateFolder(path, { durable });

  for (const made of [path, join(folder, 'private')]) assert.equal((await stat(made)).mode & 0o777, 0o700);
});

test('a folder that cannot be made is a failure, also where its parent is there and takes none', async () => {
  const file = join(folder, 'file');
  await writeFileAtomically(file, '');

  await assert.rejects(makePrivateFolder('/proc/none/of/this'), { code: 'ENOENT' });
  await assert.rejects(makePrivateFolder(file), { code: 'EEXIST' });
  await assert.rejects(makePrivateFolder(join(file, 'below')), { code: 'ENOTDIR' });
});
