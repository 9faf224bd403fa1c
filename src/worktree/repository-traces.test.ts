import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { type TreeId, WorktreeRepository } from './repository.ts';
import { snapshotDirectory } from './snapshot.ts';

const root = await mkdtemp(join(tmpdir(), 'agora-traces-'));
after(() => rm(root, { recursive: true, force: true }));

test('imports leave no branch behind', async () => {
  const [folder, source] = [join(root, 'branches'), join(root, 'source')];
  await mkdir(source);
  await writeFile(join(source, 'a'), '1');
  const repository = await WorktreeRepository.open(folder);

  const tree = await repository.importTar((await snapshotDirectory(source)).tar());

  assert.deepEqual([...(await repository.filesAt(tree, new Set(['a']))).keys()], ['a']);
  assert.equal(execFileSync('git', ['--git-dir', folder, 'for-each-ref'], { encoding: 'utf8' }), '');
});

test('opening removes the folders of calls that were killed days ago, and no others', async () => {
  const folder = join(root, 'killed');
  await WorktreeRepository.open(folder);
  for (const name of ['use-old', 'use-new']) await mkdir(join(folder, name, 'tree'), { recursive: true });
  const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
  for (const name of ['use-old', 'objects']) await utimes(join(folder, name), twoDaysAgo, twoDaysAgo);

  await WorktreeRepository.open(folder);

  const names = (await readdir(folder)).filter((name) => name.startsWith('use-') || name === 'objects');
  assert.deepEqual(names.sort(), ['objects', 'use-new']);
});

test('a tree with a name that is not UTF-8 is refused where its files are asked for', async () => {
  const folder = join(root, 'names');
  const repository = await WorktreeRepository.open(folder);
  const blob = await repository.writeBlob(Buffer.from('x'));
  const input = Buffer.from(`100644 blob ${blob}\tna\xefve\0`, 'latin1');
  const tree = execFileSync('git', ['--git-dir', folder, 'mktree', '-z'], { input, encoding: 'utf8' }).trim();

  await assert.rejects(repository.filesAt(tree as TreeId, new Set(['a'])), (error) => {
    return isAppError(error, 'invalid-input');
  });
});
