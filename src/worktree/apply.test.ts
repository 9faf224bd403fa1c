import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { type ApplyOutcome, applyPatches, type ItemPatch } from './apply.ts';
import { createBaseline } from './baseline.ts';
import { capturePatch } from './capture.ts';
import { snapshotDirectory } from './snapshot.ts';

const root = await mkdtemp(join(tmpdir(), 'agora-apply-'));
after(() => rm(root, { recursive: true, force: true }));
let counter = 0;
const fresh = () => join(root, String(++counter));

type Files = Readonly<Record<string, string | undefined>>;

async function change(directory: string, files: Files): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    if (content === undefined) await rm(join(directory, path), { recursive: true });
    else {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(directory, path), content);
    }
  }
}

function gitIn(directory: string, ...gitArguments: string[]): string {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@t', '-c', 'commit.gpgsign=false'];
  return execFileSync('git', [...identity, ...gitArguments], { cwd: directory, encoding: 'utf8' });
}

/** A run over a directory: what it started from, and its patches so far. */
class Run {
  readonly directory: string;
  readonly #snapshot: Buffer;
  readonly #state: string;
  readonly patches: ItemPatch[] = [];

  private constructor(directory: string, snapshot: Buffer, state: string) {
    this.directory = directory;
    this.#snapshot = snapshot;
    this.#state = state;
  }

  static async start(directory: string): Promise<Run> {
    const state = fresh();
    await cp(directory, state, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith('/.git') });
    return new Run(directory, await buffer((await snapshotDirectory(directory)).tar()), state);
  }

  /** An item that builds on the ones before it. */
  async item(itemId: string, work: Files | ((workTree: string) => Promise<void>)): Promise<void> {
    const folder = fresh();
    const paths = { gitDir: join(folder, 'git'), workTree: this.#state };
    await createBaseline(paths);
    await (typeof work === 'function' ? work(this.#state) : change(this.#state, work));
    await capturePatch(paths, join(folder, 'patch'), { maxBytes: 1 << 30 });
    this.patches.push({ itemId, bytes: await readFile(join(folder, 'patch')) });
  }

  apply(): Promise<ApplyOutcome> {
    const snapshot = (async function* (bytes: Buffer) {
      yield bytes;
    })(this.#snapshot);
    return applyPatches({ directory: this.directory, snapshot, patches: this.patches, workFolder: fresh() });
  }
}

interface Place {
  readonly directory: string;
  /** Says every byte of the directory and its repository but for the times of files. */
  readonly fingerprint: () => string;
}

async function aPlace(files: Files, kind: 'repository' | 'subdirectory' | 'plain'): Promise<Place> {
  const top = fresh();
  const directory = kind === 'subdirectory' ? join(top, 'pack age/ü') : top;
  await change(directory, { 'unrelated.txt': 'x\n', ...files });
  if (kind !== 'plain') {
    gitIn(top, 'init', '-q');
    gitIn(top, 'add', '.');
    gitIn(top, 'commit', '-qm', 'start');
  }
  const listing = "find . -type f -exec sha256sum {} + -o -type l -printf '%p %l\\n' | sort";
  return { directory, fingerprint: () => execFileSync('sh', ['-c', listing], { cwd: top, encoding: 'utf8' }) };
}

for (const kind of ['repository', 'subdirectory', 'plain'] as const) {
  test(`${kind}: every kind of change is applied once, and again is a no-op`, async () => {
    const { directory } = await aPlace(
      { a: '1\n2\n', b: 'x\r\n', gone: '1\n', 'run.sh': 'x\n', 'dir/f': '1\n', file: '1\n' },
      kind,
    );
    const run = await Run.start(directory);
    await run.item('first', { a: '1\ntwo\n', b: 'y\r\n', gone: undefined, 'new/deep ü': '\0binary', dir: undefined });
    await run.item('second', async (workTree) => {
      await chmod(join(workTree, 'run.sh'), 0o755);
      await symlink('../a', join(workTree, 'new/link'));
      await change(workTree, { dir: 'now a file\n', file: undefined });
      await change(workTree, { 'file/inner': 'now a folder\n' });
    });
    const files = ['a', 'b', 'dir', 'dir/f', 'file', 'file/inner', 'gone', 'new/deep ü', 'new/link', 'run.sh'];

    assert.deepEqual(await run.apply(), { kind: 'applied', files });

    assert.equal(await readFile(join(directory, 'a'), 'utf8'), '1\ntwo\n');
    assert.equal(await readFile(join(directory, 'b'), 'utf8'), 'y\r\n');
    assert.equal(await readFile(join(directory, 'new/deep ü'), 'utf8'), '\0binary');
    assert.equal(await readFile(join(directory, 'dir'), 'utf8'), 'now a file\n');
    assert.equal(await readFile(join(directory, 'file/inner'), 'utf8'), 'now a folder\n');
    assert.equal(await readlink(join(directory, 'new/link')), '../a');
    assert.equal((await stat(join(directory, 'run.sh'))).mode & 0o777, 0o755);
    assert.equal(await stat(join(directory, 'gone')).catch(() => 'gone'), 'gone');
    assert.deepEqual(await run.apply(), { kind: 'already-applied', files });
  });

  test(`${kind}: a target with other content is refused and nothing changes`, async () => {
    const { directory, fingerprint } = await aPlace({ a: '1\n', b: '1\n' }, kind);
    const run = await Run.start(directory);
    await run.item('edit', { a: '2\n', b: '2\n', new: 'theirs\n' });
    await change(directory, { b: 'mine\n', new: 'mine\n' });
    const before = fingerprint();

    assert.deepEqual(await run.apply(), { kind: 'dirty', paths: ['b', 'new'] });

    assert.equal(fingerprint(), before);
  });
}

test('where commits moved on, patches merge three-way; the index and objects are left alone', async () => {
  const lines = Array.from({ length: 20 }, (_, index) => `${index}`);
  const { directory } = await aPlace({ a: lines.join('\n') }, 'subdirectory');
  const run = await Run.start(directory);
  await run.item('edit', { a: lines.with(2, 'theirs').join('\n') });
  await change(directory, { a: lines.with(17, 'mine').join('\n') });
  gitIn(directory, 'commit', '-qam', 'mine');
  const repositoryState = () => gitIn(directory, 'rev-parse', 'HEAD') + gitIn(directory, 'count-objects', '-v');
  const before = repositoryState();

  assert.deepEqual(await run.apply(), { kind: 'applied', files: ['a'] });

  assert.equal(await readFile(join(directory, 'a'), 'utf8'), lines.with(2, 'theirs').with(17, 'mine').join('\n'));
  assert.equal(repositoryState(), before);
  assert.equal(gitIn(directory, 'diff', '--cached', '--name-only'), '');
});

test('what was changed in a submodule is changed in its files, and no commit or index is', async () => {
  const library = await aPlace({ 'kept.txt': 'one\n' }, 'repository');
  const { directory } = await aPlace({}, 'repository');
  gitIn(directory, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', library.directory, 'vendor/lib');
  gitIn(directory, 'commit', '-qm', 'with a submodule');
  const run = await Run.start(directory);
  await run.item('first', { 'vendor/lib/kept.txt': 'two\n', 'vendor/lib/new.txt': 'x\n' });

  const files = ['vendor/lib/kept.txt', 'vendor/lib/new.txt'];
  assert.deepEqual(await run.apply(), { kind: 'applied', files });

  assert.equal(await readFile(join(directory, 'vendor/lib/kept.txt'), 'utf8'), 'two\n');
  assert.equal(gitIn(directory, 'status', '--short'), ' m vendor/lib\n');
  assert.equal(gitIn(join(directory, 'vendor/lib'), 'status', '--short'), ' M kept.txt\n?? new.txt\n');
});

test('a conflict names item, file and hunk, and no file changes', async () => {
  const { directory, fingerprint } = await aPlace({ a: '1\n2\n3\n', b: '1\n' }, 'repository');
  const run = await Run.start(directory);
  await run.item('harmless', { b: '2\n' });
  await run.item('clashing', { a: '1\ntheirs\n3\n' });
  await change(directory, { a: '1\nmine\n3\n' });
  gitIn(directory, 'commit', '-qam', 'mine');
  const before = fingerprint();

  assert.deepEqual(await run.apply(), { kind: 'conflict', itemId: 'clashing', path: 'a', hunk: '@@ -1,3 +1,3 @@' });

  assert.equal(fingerprint(), before);
});

test('a staged change, a deleted file and an edit of the same size are dirty', async () => {
  const { directory } = await aPlace({ staged: '1\n', deleted: '1\n', sized: '1\n', fine: '1\n' }, 'repository');
  const run = await Run.start(directory);
  await run.item('edit', { staged: '2\n', deleted: '2\n', sized: '2\n', fine: '2\n' });
  await change(directory, { staged: '3\n', deleted: undefined, sized: '4\n' });
  gitIn(directory, 'add', 'staged');

  assert.deepEqual(await run.apply(), { kind: 'dirty', paths: ['deleted', 'sized', 'staged'] });
});

test('a file whose times changed, and nothing else, is not dirty', async () => {
  const { directory } = await aPlace({ a: '1\n' }, 'repository');
  const run = await Run.start(directory);
  await run.item('edit', { a: '2\n' });
  execFileSync('touch', ['-d', '2001-01-01', join(directory, 'a')]);

  assert.equal((await run.apply()).kind, 'applied');
});

test('what was half applied is finished', async () => {
  const { directory } = await aPlace({ a: '1\n', b: '1\n' }, 'repository');
  const run = await Run.start(directory);
  await run.item('edit', { a: '2\n', b: undefined, c: 'new\n' });
  await change(directory, { a: '2\n' });

  assert.deepEqual(await run.apply(), { kind: 'applied', files: ['b', 'c'] });
});

test('nothing is written through a link or over a folder', async () => {
  const outside = fresh();
  await mkdir(outside);
  const { directory } = await aPlace({}, 'plain');
  const run = await Run.start(directory);
  await run.item('edit', { 'sub/file': 'x\n', taken: 'x\n' });
  await symlink(outside, join(directory, 'sub'));
  await change(directory, { 'taken/inner': 'mine\n' });

  assert.deepEqual(await run.apply(), { kind: 'dirty', paths: ['sub/file', 'taken'] });
});

test('programs named in the configuration of the repository are not run', async () => {
  const { directory } = await aPlace({ '.gitattributes': '* filter=evil\n', a: '1\n' }, 'repository');
  const marker = fresh();
  gitIn(directory, 'config', 'filter.evil.clean', `touch ${marker}; cat`);
  gitIn(directory, 'config', 'filter.evil.smudge', `touch ${marker}; cat`);
  gitIn(directory, 'config', 'core.fsmonitor', `touch ${marker}`);
  const run = await Run.start(directory);
  await run.item('edit', { a: '2\n' });
  execFileSync('touch', ['-d', '2001-01-01', join(directory, 'a')]);

  assert.equal((await run.apply()).kind, 'applied');

  await assert.rejects(stat(marker), { code: 'ENOENT' });
});

test('permissions beyond the executable bit stay as they were', async () => {
  const { directory } = await aPlace({ secret: '1\n' }, 'repository');
  await chmod(join(directory, 'secret'), 0o660);
  const run = await Run.start(directory);
  await run.item('edit', { secret: '2\n' });

  await run.apply();

  assert.equal((await stat(join(directory, 'secret'))).mode & 0o777, 0o660);
});
