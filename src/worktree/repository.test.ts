import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { createBaseline } from './baseline.ts';
import { capturePatch } from './capture.ts';
import { type TreeId, WorktreeRepository } from './repository.ts';
import { snapshotDirectory } from './snapshot.ts';
import { type TarEntry, writeTar } from './tar-write.ts';

const root = await mkdtemp(join(tmpdir(), 'agora-repository-'));
after(() => rm(root, { recursive: true, force: true }));
const repository = await WorktreeRepository.open(join(root, 'repository'));
let counter = 0;

type Files = Readonly<Record<string, string | undefined>>;

async function aDirectory(files: Files): Promise<string> {
  const directory = join(root, String(++counter));
  await mkdir(directory);
  await change(directory, files);
  return directory;
}

async function change(directory: string, files: Files): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    if (content === undefined) await rm(join(directory, path));
    else await writeFile(join(directory, path), content);
  }
}

async function importDirectory(directory: string): Promise<TreeId> {
  return repository.importTar((await snapshotDirectory(directory)).tar());
}

/** The patch a worker would make of these changes to the directory, which itself stays as it is. */
async function patchOf(directory: string, changes: Files): Promise<Buffer> {
  const folder = join(root, String(++counter));
  const paths = { gitDir: join(folder, 'git'), workTree: join(folder, 'work') };
  await cp(directory, paths.workTree, { recursive: true, verbatimSymlinks: true });
  await createBaseline(paths);
  await change(paths.workTree, changes);
  await capturePatch(paths, join(folder, 'patch'), { maxBytes: 1 << 30 });
  return readFile(join(folder, 'patch'));
}

async function assertTree(tree: TreeId, directory: string): Promise<void> {
  const target = join(root, String(++counter));
  await mkdir(target);
  execFileSync('tar', ['-xf', '-', '-C', target], { input: await buffer(repository.exportTar(tree)) });
  execFileSync('diff', ['-r', '--no-dereference', directory, target]);
}

test('a tree exports what was imported, the same bytes each time', async () => {
  const directory = await aDirectory({ a: '1', 'deep/er/"b" \\ ü': 'x\r\n', empty: '', [`${'n'.repeat(120)}/x`]: '1' });
  await symlink('../a', join(directory, 'deep/link'));

  const tree = await importDirectory(directory);

  await assertTree(tree, directory);
  const again = await buffer(repository.exportTar(tree));
  assert.equal((await buffer(repository.exportTar(tree))).equals(again), true);
  assert.equal(await importDirectory(directory), tree);
});

test('an empty tar is the empty tree', async () => {
  assert.equal(await importDirectory(await aDirectory({})), await repository.emptyTree());
});

test('a patch applies exactly, attributes in the tree notwithstanding', async () => {
  const start = {
    '.gitattributes': '* text eol=crlf ident merge=union\n',
    a: 'one $Id$\r\ntwo \n',
    gone: 'x\n',
    moved: 'y\n',
  };
  const directory = await aDirectory(start);
  const changes = { a: 'one $Id$\r\n2 \n\n\n', gone: undefined, moved: undefined, 'moved/in': 'y\n', 'bin ü': 'a\0b' };
  const patch = await patchOf(directory, changes);

  const outcome = await repository.applyPatch(await importDirectory(directory), patch);

  assert.equal(outcome.kind, 'applied');
  await change(directory, { gone: undefined, moved: undefined });
  await change(directory, { a: changes.a, 'moved/in': 'y\n', 'bin ü': 'a\0b' });
  if (outcome.kind === 'applied') await assertTree(outcome.tree, directory);
});

test('patches of several items at once to different places of a file merge', async () => {
  const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`);
  const directory = await aDirectory({ a: lines.join('\n') });
  const edited = (at: number) => ({ a: lines.with(at, 'edited').join('\n') });
  const patches = await Promise.all([0, 15, 29].map((at) => patchOf(directory, edited(at))));
  const start = await importDirectory(directory);

  let tree = start;
  for (const patch of patches) {
    const outcome = await repository.applyPatch(tree, patch);
    assert.equal(outcome.kind, 'applied');
    if (outcome.kind === 'applied') tree = outcome.tree;
  }
  const alone = await Promise.all(patches.map((patch) => repository.applyPatch(start, patch)));

  assert.deepEqual(new Set(alone.map((outcome) => outcome.kind)), new Set(['applied']));
  await change(directory, { a: lines.with(0, 'edited').with(15, 'edited').with(29, 'edited').join('\n') });
  await assertTree(tree, directory);
});

test('a conflict names the path and the hunk', async () => {
  const directory = await aDirectory({ 'dir/a b': '1\n2\n3\n', gone: '1\n', twice: '1\n' });
  const start = await importDirectory(directory);
  const patched = async (changes: Files) => repository.applyPatch(start, await patchOf(directory, changes));
  const other = await patched({ 'dir/a b': '1\nother\n3\n', gone: 'changed\n', 'new': 'theirs\n' });
  assert.ok(other.kind === 'applied');
  const conflictOf = async (changes: Files) => repository.applyPatch(other.tree, await patchOf(directory, changes));

  assert.deepEqual(await conflictOf({ twice: '2\n', 'dir/a b': '1\nmine\n3\n' }), {
    kind: 'conflict',
    path: 'dir/a b',
    hunk: '@@ -1,3 +1,3 @@',
  });
  assert.deepEqual(await conflictOf({ gone: undefined }), { kind: 'conflict', path: 'gone', hunk: '@@ -1 +0,0 @@' });
  assert.deepEqual(await conflictOf({ new: 'mine\n' }), { kind: 'conflict', path: 'new' });
  assert.deepEqual((await conflictOf({ new: 'theirs\n' })).kind, 'applied');
});

test('an empty patch changes nothing', async () => {
  const tree = await importDirectory(await aDirectory({ a: '1' }));

  assert.deepEqual(await repository.applyPatch(tree, Buffer.alloc(0)), { kind: 'applied', tree });
});

test('a file added twice never reaches the repository itself', async () => {
  const directory = await aDirectory({ a: '1' });
  const configuration = await readFile(join(root, 'repository/config'), 'utf8');
  const patch = await patchOf(directory, { config: '[core]\n\tfsmonitor = x\n' });
  const tree = await importDirectory(directory);
  const first = await repository.applyPatch(tree, patch);
  assert.ok(first.kind === 'applied');

  assert.deepEqual(await repository.applyPatch(first.tree, patch), first);

  assert.equal(await readFile(join(root, 'repository/config'), 'utf8'), configuration);
  assert.deepEqual(
    (await readdir(join(root, 'repository'))).filter((name) => name.startsWith('use-')),
    [],
  );
});

test('hostile patches are refused', async () => {
  const tree = await importDirectory(await aDirectory({ a: '1\n' }));
  const header = (path: string, mode: string) => `diff --git a/${path} b/${path}\nnew file mode ${mode}\n`;
  const hash = '1'.repeat(40);
  const content = (path: string) =>
    `index ${'0'.repeat(40)}..${hash}\n--- /dev/null\n+++ b/${path}\n@@ -0,0 +1 @@\n+x\n`;
  const hostile = [
    'not a patch\n',
    `${header('../x', '100644')}${content('../x')}`,
    `${header('.git/config', '100644')}${content('.git/config')}`,
    `${header('.GIT/config', '100644')}${content('.GIT/config')}`,
    `${header('module', '160000')}index ${'0'.repeat(40)}..${hash}\n--- /dev/null\n+++ b/module\n@@ -0,0 +1 @@\n+Subproject commit ${hash}\n`,
    `diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,5 +1,5 @@\n-1\n`,
  ];

  for (const patch of hostile) {
    await assert.rejects(repository.applyPatch(tree, Buffer.from(patch)), (error) =>
      isAppError(error, 'invalid-input'),
    );
  }
});

test('hostile tars are refused', async () => {
  for (const path of ['../x', '/etc/x', 'a/../b', '.git/config', 'a/.Git/hooks/x', 'a//b']) {
    const entry: TarEntry = { kind: 'link', path, target: 'x' };
    const tar = writeTar(
      (async function* () {
        yield entry;
      })(),
    );

    await assert.rejects(repository.importTar(tar), (error) => isAppError(error, 'invalid-input'));
  }
});

test('a tar that breaks off gives the error of its source', async () => {
  const directory = await aDirectory({ a: 'x'.repeat(500_000) });
  const tar = (await snapshotDirectory(directory)).tar();
  async function* broken() {
    for await (const chunk of tar) {
      yield chunk;
      throw new Error('connection lost');
    }
  }

  await assert.rejects(repository.importTar(broken()), /connection lost/);
});
