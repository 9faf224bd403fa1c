import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { applyInPlace } from './apply-in-place.ts';
import { createBaseline } from './baseline.ts';
import { capturePatch } from './capture.ts';

const root = await mkdtemp(join(tmpdir(), 'agora-apply-in-place-'));
after(() => rm(root, { recursive: true, force: true }));
let counter = 0;

async function aWorktree(files: Readonly<Record<string, string>>) {
  const folder = join(root, String(++counter));
  const paths = { gitDir: join(folder, 'git'), workTree: join(folder, 'work') };
  await mkdir(paths.workTree, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(paths.workTree, name), text);
  await createBaseline(paths);
  const apply = async (patch: string | Uint8Array, owner?: { uid: number; gid: number }) => {
    const file = join(folder, 'partial.patch');
    await writeFile(file, patch);
    await applyInPlace(paths, file, { owner });
  };
  const capture = async () => {
    const file = join(folder, `patch-${++counter}`);
    await capturePatch(paths, file, { maxBytes: 1 << 20 });
    return readFileSync(file);
  };
  return { paths, apply, capture, at: (name: string) => join(paths.workTree, name) };
}

const start = { 'a.txt': 'one\n', gone: 'x\n' };

async function aPartialPatch(): Promise<Buffer> {
  const tree = await aWorktree(start);
  await writeFile(tree.at('a.txt'), 'two\n');
  await rm(tree.at('gone'));
  await mkdir(tree.at('new/deep'), { recursive: true });
  await writeFile(tree.at('new/deep/binary'), Uint8Array.from([0, 1, 2]), { mode: 0o755 });
  await symlink('a.txt', tree.at('link'));
  return tree.capture();
}

test('a partial patch brings back what was done, and the next patch holds it too', async () => {
  const patch = await aPartialPatch();
  const tree = await aWorktree(start);

  await tree.apply(patch);

  assert.equal(readFileSync(tree.at('a.txt'), 'utf8'), 'two\n');
  assert.equal(existsSync(tree.at('gone')), false);
  assert.ok(patch.equals(await tree.capture()));
});

test('what it writes belongs to the subagent', {
  skip: process.getuid?.() !== 0 && 'only root gives files away',
}, async () => {
  const tree = await aWorktree(start);

  await tree.apply(await aPartialPatch(), { uid: 4321, gid: 4321 });

  for (const name of ['a.txt', 'new', 'new/deep', 'new/deep/binary']) assert.equal(statSync(tree.at(name)).uid, 4321);
});

test('a patch that does not fit changes nothing', async () => {
  const patch = await aPartialPatch();
  const tree = await aWorktree({ ...start, 'a.txt': 'three\n' });

  await assert.rejects(tree.apply(patch), (error) => isAppError(error, 'patch-conflict'));

  assert.equal(existsSync(tree.at('gone')), true);
  assert.equal(existsSync(tree.at('new')), false);
});

const newFile = (path: string, mode = '100644') =>
  `diff --git a/${path} b/${path}\nnew file mode ${mode}\n--- /dev/null\n+++ b/${path}\n@@ -0,0 +1 @@\n+x\n`;

for (const path of [
  '../escaped',
  'a/../../escaped',
  '.git/config',
  'sub/.GIT/hooks/x',
  '.agora/answer.json',
  'inputs/x',
]) {
  test(`a patch of "${path}" is refused`, async () => {
    const tree = await aWorktree(start);

    await assert.rejects(tree.apply(newFile(path)), (error) => isAppError(error, 'refused'));

    assert.equal(existsSync(join(tree.paths.workTree, '..', 'escaped')), false);
  });
}

test('a submodule is refused and what is no patch too', async () => {
  const tree = await aWorktree(start);

  await assert.rejects(tree.apply(newFile('sub', '160000')), (error) => isAppError(error, 'refused'));
  await assert.rejects(tree.apply('rm -rf /\n'), (error) => isAppError(error, 'refused'));
});

test('nothing is written through a link that is there or comes with the patch', async () => {
  const outside = join(root, 'outside');
  execFileSync('mkdir', ['-p', outside]);
  const tree = await aWorktree(start);
  await symlink(outside, tree.at('door'));
  const link = `diff --git a/way b/way\nnew file mode 120000\n--- /dev/null\n+++ b/way\n@@ -0,0 +1 @@\n+${outside}\n\\ No newline at end of file\n`;

  await assert.rejects(tree.apply(newFile('door/file')), (error) => isAppError(error, 'patch-conflict'));
  await assert.rejects(tree.apply(link + newFile('way/file')), (error) => isAppError(error, 'patch-conflict'));

  assert.equal(existsSync(join(outside, 'file')), false);
});
