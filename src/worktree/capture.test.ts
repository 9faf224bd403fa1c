import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, readlink, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { createBaseline, listFiles } from './baseline.ts';
import { capturePatch } from './capture.ts';
import { patchPaths } from './patch-paths.ts';
import type { ChangedFile, Verdict } from './review-changes.ts';

const root = await mkdtemp(join(tmpdir(), 'agora-capture-'));
after(() => rm(root, { recursive: true, force: true }));
let counter = 0;

interface Fixture {
  readonly workTree: string;
  readonly write: (path: string, content: string | Uint8Array) => Promise<void>;
  readonly paths: { readonly gitDir: string; readonly workTree: string };
  readonly outFile: string;
  readonly capture: (maxBytes?: number, signal?: AbortSignal) => Promise<Buffer>;
  /** The files at the start, for applying the patch to. */
  readonly copy: string;
}

/** A worktree with its baseline made; `change` after it is what the patch should hold. */
async function aWorktree(files: Readonly<Record<string, string | Uint8Array>>): Promise<Fixture> {
  const folder = join(root, String(++counter));
  const paths = { gitDir: join(folder, 'git'), workTree: join(folder, 'work') };
  const write = async (path: string, content: string | Uint8Array) => {
    await mkdir(dirname(join(paths.workTree, path)), { recursive: true });
    await writeFile(join(paths.workTree, path), content);
  };
  await mkdir(paths.workTree, { recursive: true });
  for (const [path, content] of Object.entries(files)) await write(path, content);
  const copy = join(folder, 'copy');
  execFileSync('cp', ['-a', paths.workTree, copy]);
  await createBaseline(paths);
  const outFile = join(folder, 'patch.diff');
  const capture = async (maxBytes = 1 << 30, signal?: AbortSignal) => {
    const { sizeBytes } = await capturePatch(paths, outFile, { maxBytes, signal });
    const patch = await readFile(outFile);
    assert.equal(patch.length, sizeBytes);
    return patch;
  };
  return { workTree: paths.workTree, paths, outFile, write, capture, copy };
}

function applyWithGit(directory: string, patch: Uint8Array): void {
  execFileSync('git', ['apply', '--whitespace=nowarn', '-'], { cwd: directory, input: patch });
}

test('a patch brings every kind of change to a copy of the start', async () => {
  const binary = Uint8Array.from({ length: 3000 }, (_, index) => (index * 7) % 256);
  const tree = await aWorktree({
    'edited.txt': 'one\ntwo\n',
    'deleted.txt': 'gone\n',
    'script.sh': 'echo\n',
    'picture.bin': binary,
    'windows.txt': 'a\r\nb\r\n',
    'no-newline': 'x',
    'folder/becomes-file': 'y\n',
    'becomes-folder': 'z\n',
  });
  await tree.write('edited.txt', 'one\n2\n');
  await rm(join(tree.workTree, 'deleted.txt'));
  await chmod(join(tree.workTree, 'script.sh'), 0o755);
  await tree.write('picture.bin', binary.toReversed());
  await tree.write('windows.txt', 'a\r\nc\r\n');
  await tree.write('no-newline', 'w');
  await rm(join(tree.workTree, 'folder'), { recursive: true });
  await tree.write('folder', 'now a file\n');
  await rm(join(tree.workTree, 'becomes-folder'));
  await tree.write('becomes-folder/inner', 'now a folder\n');
  await tree.write('new/deep file "quoted" ü.txt', 'new\n');
  await tree.write('new/empty', '');
  await symlink('../edited.txt', join(tree.workTree, 'new', 'link'));

  applyWithGit(tree.copy, await tree.capture());

  execFileSync('diff', ['-r', '--no-dereference', tree.workTree, tree.copy]);
  assert.equal((await stat(join(tree.copy, 'script.sh'))).mode & 0o111, 0o111);
  assert.equal(await readlink(join(tree.copy, 'new', 'link')), '../edited.txt');
});

test('a worktree without changes gives an empty patch', async () => {
  const tree = await aWorktree({ a: '1', 'b/c': '2' });

  assert.equal((await tree.capture()).length, 0);
});

test('ignored new files stay out, ignored files of the start stay in', async () => {
  const tree = await aWorktree({
    '.gitignore': '*.log\n!keep.log\nbuild/\n',
    'old.log': '1\n',
    'sub/.gitignore': 'x\n',
  });
  await tree.write('old.log', '2\n');
  await tree.write('new.log', 'hidden\n');
  await tree.write('keep.log', 'shown\n');
  await tree.write('build/deep/output', 'hidden\n');
  await tree.write('sub/x', 'hidden\n');
  await tree.write('sub/y', 'shown\n');

  assert.deepEqual(patchPaths(await tree.capture()), ['keep.log', 'old.log', 'sub/y']);
});

test('inputs at the top and .agora anywhere are outside, deeper inputs are files like others', async () => {
  const tree = await aWorktree({ 'inputs/given': '1\n', a: '1\n' });
  await tree.write('inputs/given', '2\n');
  await tree.write('.agora/state', 'x\n');
  await tree.write('deep/inputs/file', 'x\n');
  await tree.write('deep/.agora/trust.json', 'x\n');

  assert.deepEqual(patchPaths(await tree.capture()), ['deep/inputs/file']);
});

test('a repository made inside the worktree loses no file beside it and is not captured', async () => {
  const tree = await aWorktree({ 'a/old': '1\n' });
  const nested = join(tree.workTree, 'nested');
  await tree.write('nested/file', 'x\n');
  execFileSync('git', ['init', '-q', nested]);
  execFileSync('git', ['-C', nested, 'add', '.']);
  execFileSync('git', ['-C', nested, '-c', 'user.name=x', '-c', 'user.email=x@x', 'commit', '-qm', 'x']);
  await tree.write('a/old', '2\n');
  execFileSync('git', ['init', '-q', join(tree.workTree, 'a')]);
  await tree.write('b/.GIT/config', 'x\n');

  const patch = await tree.capture();

  assert.deepEqual(patchPaths(patch), ['a/old', 'nested/file']);
  assert.equal(patch.includes('160000'), false);
});

test('hostile attributes, configuration and hooks in the worktree change nothing', async () => {
  const marker = join(root, 'marker');
  const hostile = {
    '.gitattributes':
      '* text eol=crlf ident filter=evil diff=evil working-tree-encoding=UTF-16\n*.bin -diff merge=evil\n',
    '.gitmodules': '[submodule "x"]\n\tpath = x\n\turl = /\n\tupdate = !touch MARKER\n',
    '.gitconfig': `[core]\n\tfsmonitor = touch ${marker}\n\thooksPath = hooks\n[filter "evil"]\n\tclean = touch ${marker}\n`,
    config: `[diff "evil"]\n\tcommand = touch ${marker}\n\ttextconv = touch ${marker}\n`,
    'hooks/post-index-change': `#!/bin/sh\ntouch ${marker}\n`,
  };
  const tree = await aWorktree({ ...hostile, 'a.txt': 'one $Id$\r\ntwo\n' });
  chmodSync(join(tree.workTree, 'hooks/post-index-change'), 0o755);
  execFileSync('git', ['init', '-q', tree.workTree]);
  writeFileSync(join(tree.workTree, '.git/config'), hostile['.gitconfig'].replace('[core]', '[core]\n\tbare = false'));
  writeFileSync(join(tree.workTree, '.git/info/attributes'), '* filter=evil\n');
  await tree.write('a.txt', 'one $Id$\r\n2\r\n');

  const patch = await tree.capture();
  rmSync(join(tree.copy, '.gitattributes'));
  applyWithGit(tree.copy, patch);

  assert.equal(readFileSync(join(tree.copy, 'a.txt'), 'utf8'), 'one $Id$\r\n2\r\n');
  assert.equal(existsSync(marker), false);
});

test('pipes are passed over and a path that became one counts as deleted', async () => {
  const tree = await aWorktree({ 'was-file': '1\n' });
  await rm(join(tree.workTree, 'was-file'));
  execFileSync('mkfifo', [join(tree.workTree, 'was-file'), join(tree.workTree, 'new-pipe')]);

  assert.deepEqual(patchPaths(await tree.capture()), ['was-file']);
});

test('a folder replaced by a link is captured as a link and its files as deleted', async () => {
  const tree = await aWorktree({ 'folder/a': '1\n', 'elsewhere/a': '1\n' });
  await rename(join(tree.workTree, 'folder'), join(tree.workTree, 'moved'));
  symlinkSync('elsewhere', join(tree.workTree, 'folder'));

  const patch = await tree.capture();
  applyWithGit(tree.copy, patch);

  assert.equal(await readlink(join(tree.copy, 'folder')), 'elsewhere');
  assert.deepEqual(patchPaths(patch), ['folder', 'folder/a', 'moved/a']);
});

test('names that are not text are captured byte by byte', async () => {
  const tree = await aWorktree({ a: '1\n' });
  const name = Buffer.concat([Buffer.from(`${tree.workTree}/`), Buffer.from([0x66, 0xff, 0x0a, 0x09])]);
  await writeFile(name, 'x\n');

  applyWithGit(tree.copy, await tree.capture());

  execFileSync('diff', ['-r', tree.workTree, tree.copy]);
});

test('a patch over its limit is refused and not kept', async () => {
  const tree = await aWorktree({ a: '1\n' });
  await tree.write('large', 'line\n'.repeat(10_000));

  await assert.rejects(tree.capture(1000), (error) => isAppError(error, 'limit-exceeded'));

  assert.equal(existsSync(join(dirname(tree.workTree), 'patch.diff')), false);
});

test('an unreadable file is taken as unchanged', {
  skip: process.getuid?.() === 0 && 'root reads everything',
}, async () => {
  const tree = await aWorktree({ 'closed/a': '1\n', b: '1\n' });
  await tree.write('b', '2\n');
  await chmod(join(tree.workTree, 'closed'), 0);

  assert.deepEqual(patchPaths(await tree.capture()), ['b']);

  await chmod(join(tree.workTree, 'closed'), 0o700);
});

test('a pipe in the place of ignore rules or attributes is as if it were absent', async () => {
  const tree = await aWorktree({ 'folder/a.txt': 'one\n' });
  await tree.write('folder/a.txt', 'two\n');
  await tree.write('folder/new.txt', 'new\n');
  for (const name of ['.gitignore', '.gitattributes', 'folder/.gitignore', 'folder/.gitattributes']) {
    execFileSync('mkfifo', [join(tree.workTree, name)]);
  }

  const patch = (await tree.capture(1 << 30, AbortSignal.timeout(20_000))).toString();

  assert.match(patch, /^\+two$/m);
  assert.match(patch, /b\/folder\/new\.txt/);
});

test('an ignore rule that takes git for ever is given up at the deadline, with its process', async () => {
  const tree = await aWorktree({});
  await tree.write('.gitignore', `/${'**a'.repeat(40)}/b\n`);
  await tree.write(`${'a'.repeat(200)}/${'a'.repeat(200)}/c`, 'x');

  await assert.rejects(tree.capture(1 << 30, AbortSignal.timeout(500)), { name: 'TimeoutError' });

  assert.deepEqual(gitProcessesIn(tree.workTree), []);
});

test('a rename, a mode alone and a text that became binary come through exactly', async () => {
  const tree = await aWorktree({ 'old-name': 'same\n'.repeat(50), 'run.sh': 'echo\n', 'becomes-binary': 'text\n' });
  await rename(join(tree.workTree, 'old-name'), join(tree.workTree, 'new-name'));
  await chmod(join(tree.workTree, 'run.sh'), 0o755);
  await tree.write('becomes-binary', Uint8Array.from([0, 1, 2, 255]));
  await mkdir(join(tree.workTree, 'empty/folder'), { recursive: true });

  const patch = await tree.capture();
  applyWithGit(tree.copy, patch);

  assert.deepEqual(patchPaths(patch), ['becomes-binary', 'new-name', 'old-name', 'run.sh']);
  rmSync(join(tree.workTree, 'empty'), { recursive: true });
  execFileSync('diff', ['-r', tree.workTree, tree.copy]);
  assert.equal((await stat(join(tree.copy, 'run.sh'))).mode & 0o111, 0o111);
});

test('a second capture tells the state of its own time', async () => {
  const tree = await aWorktree({ a: '1\n', b: '1\n' });
  await tree.write('a', '2\n');
  await tree.write('new', 'x\n');
  await tree.capture();
  await tree.write('a', '1\n');
  await rm(join(tree.workTree, 'new'));
  await tree.write('b', '2\n');

  assert.deepEqual(patchPaths(await tree.capture()), ['b']);
});

test('what a setup made is of the start, but for what ignore rules hide', async () => {
  const tree = await aWorktree({ '.gitignore': 'cache/\n', a: '1\n' });
  const { files: given } = await listFiles(tree.workTree);
  await tree.write('cache/large', 'x\n');
  await tree.write('made', 'x\n');
  await createBaseline(tree.paths, { given });
  await tree.write('cache/large', 'y\n');
  await tree.write('made', 'y\n');

  const patch = await tree.capture();

  assert.match(patch.toString(), /^-x\n\+y$/m);
  assert.deepEqual(patchPaths(patch), ['made']);
});

test('everything that is passed over is told with its reason', async () => {
  const tree = await aWorktree({ '.gitignore': 'build/\n' });
  await tree.write('build/output', 'x\n');
  await tree.write('nested/.git/HEAD', 'x\n');
  await tree.write('deep/.agora/trust.json', 'x\n');
  await tree.write('.agora/answer.json', '{}');
  await tree.write('inputs/given', 'x\n');
  execFileSync('mkfifo', [join(tree.workTree, 'pipe')]);
  const passedOver: Record<string, string> = {};

  await capturePatch(tree.paths, tree.outFile, {
    maxBytes: 1 << 20,
    onPassedOver: (path, why) => {
      passedOver[path] = why;
    },
  });

  assert.deepEqual(passedOver, {
    build: 'ignored',
    'nested/.git': 'repository',
    'deep/.agora': 'state',
    pipe: 'special',
  });
});

test('a review keeps, replaces and withholds single changes without touching the worktree', async () => {
  const tree = await aWorktree({ kept: '1\n', 'held-back': '1\n', replaced: '1\n', gone: 'old\n' });
  for (const path of ['kept', 'held-back', 'replaced', 'new-held-back']) await tree.write(path, '2\n');
  await rm(join(tree.workTree, 'gone'));
  await symlink('target', join(tree.workTree, 'link'));
  const seen: Record<string, string> = {};
  const review = async ({ path, isLink, before, after }: ChangedFile): Promise<Verdict> => {
    const content = [...(await textOf(before())), '>', ...(await textOf(after()))].join('');
    seen[path.toString()] = isLink ? `link ${content}` : content;
    if (path.includes('held-back')) return { kind: 'withhold' };
    return path.toString() === 'replaced' ? { kind: 'replace', content: bytes('other\n') } : { kind: 'keep' };
  };

  await capturePatch(tree.paths, tree.outFile, { maxBytes: 1 << 20, review });
  const patch = await readFile(tree.outFile);

  assert.deepEqual(seen, {
    gone: 'old\n>',
    'held-back': '1\n>2\n',
    kept: '1\n>2\n',
    link: 'link >target',
    'new-held-back': '>2\n',
    replaced: '1\n>2\n',
  });
  assert.deepEqual(patchPaths(patch), ['gone', 'kept', 'link', 'replaced']);
  assert.match(patch.toString(), /^-1\n\+other$/m);
  assert.equal(await readFile(join(tree.workTree, 'replaced'), 'utf8'), '2\n');
});

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

async function textOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Git processes that work in a folder. */
function gitProcessesIn(folder: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === folder;
    } catch {
      // Not a process, or it ended meanwhile.
      return false;
    }
  });
}
