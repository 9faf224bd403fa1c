import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { snapshotDirectory } from './snapshot.ts';

const root = await mkdtemp(join(tmpdir(), 'agora-snapshot-'));
after(() => rm(root, { recursive: true, force: true }));
let counter = 0;

async function aDirectory(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = join(root, String(++counter));
  await mkdir(directory);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
  return directory;
}

function gitIn(directory: string, ...gitArguments: string[]): string {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@t', '-c', 'commit.gpgsign=false'];
  return execFileSync('git', [...identity, ...gitArguments], { cwd: directory, encoding: 'utf8', stdio: 'pipe' });
}

async function listed(directory: string): Promise<string[]> {
  const tar = await buffer((await snapshotDirectory(directory)).tar());
  return execFileSync('tar', ['-tf', '-'], { input: tar, encoding: 'utf8' }).split('\n').slice(0, -1);
}

function isRefused(pattern: RegExp) {
  return (error: unknown) => isAppError(error, 'source-refused') && pattern.test(error.message);
}

test('in a repository: tracked and new files, without ignored and deleted ones, and nothing is written', async () => {
  const directory = await aDirectory({ '.gitignore': '*.log\n', a: '1', gone: '1', 'sub/b': '1', 'tracked.log': '1' });
  gitIn(directory, 'init', '-q');
  gitIn(directory, 'add', '-f', '.');
  gitIn(directory, 'commit', '-qm', 'x');
  await rm(join(directory, 'gone'));
  await writeFile(join(directory, 'new'), '1');
  await writeFile(join(directory, 'x.log'), '1');
  await mkdir(join(directory, '.agora'));
  await writeFile(join(directory, '.agora/state.db'), '1');
  const state = () => execFileSync('find', ['.git', '-printf', '%p %T@ %s\n'], { cwd: directory, encoding: 'utf8' });
  const before = state();

  assert.deepEqual(await listed(directory), ['.gitignore', 'a', 'new', 'sub/b', 'tracked.log']);
  assert.equal(state(), before);
});

test('a folder of a repository knows its prefix and takes only what is below', async () => {
  const directory = await aDirectory({ top: '1', 'sub/deep/a': '1', '.gitignore': 'b\n', 'sub/deep/b': '1' });
  gitIn(directory, 'init', '-q');

  const snapshot = await snapshotDirectory(join(directory, 'sub/deep'));

  assert.deepEqual([snapshot.repositoryPrefix, snapshot.fileCount, snapshot.sizeBytes], ['sub/deep', 1, 1]);
  assert.equal((await snapshotDirectory(directory)).repositoryPrefix, '');
});

test('outside of a repository ignore files count too, nested ones included', async () => {
  const directory = await aDirectory({
    '.gitignore': 'build/\n',
    'build/x': '1',
    'sub/.gitignore': '*\n!keep\n',
    'sub/keep': '1',
    'sub/no': '1',
    a: '1',
  });

  assert.deepEqual(await listed(directory), ['.gitignore', 'a', 'sub/keep']);
  assert.equal((await snapshotDirectory(directory)).repositoryPrefix, undefined);
});

test('repositories inside are taken as plain files', async () => {
  const directory = await aDirectory({
    a: '1',
    'module/b': '1',
    'loose/c': '1',
    'loose/.gitignore': 'd\n',
    'loose/d': '1',
  });
  for (const nested of ['module', 'loose', '.']) gitIn(join(directory, nested), 'init', '-q');
  gitIn(join(directory, 'module'), 'add', '.');
  gitIn(join(directory, 'module'), 'commit', '-qm', 'x');
  gitIn(directory, '-c', 'advice.addEmbeddedRepo=false', 'add', 'a', 'module');

  assert.deepEqual(await listed(directory), ['a', 'loose/.gitignore', 'loose/c', 'module/b']);
});

test('the same files give the same bytes whatever their times, and modes and links are kept', async () => {
  const make = async () => {
    const directory = await aDirectory({ 'run.sh': 'x', 'with space\nand line': 'y', [`${'long/'.repeat(40)}ü`]: 'z' });
    await chmod(join(directory, 'run.sh'), 0o700);
    await symlink('run.sh', join(directory, 'link'));
    return directory;
  };
  const [first, second] = [await make(), await make()];
  execFileSync('touch', ['-d', '2001-01-01', join(first, 'run.sh')]);

  const tar = await buffer((await snapshotDirectory(first)).tar());

  assert.equal((await buffer((await snapshotDirectory(second)).tar())).equals(tar), true);
  const target = await aDirectory({});
  execFileSync('tar', ['-xf', '-', '-C', target], { input: tar });
  execFileSync('diff', ['-r', '--no-dereference', first, target]);
});

test('links that leave the source are refused by name, also through other links', async () => {
  for (const target of ['/etc/passwd', '../outside', 'sub/../../outside']) {
    const directory = await aDirectory({ 'sub/a': '1' });
    await symlink(target, join(directory, 'link'));
    await assert.rejects(snapshotDirectory(directory), isRefused(/\/link".*leaves the source/));
  }
  const directory = await aDirectory({ 'sub/a': '1' });
  await symlink('..', join(directory, 'sub/up'));
  await symlink('sub/up/../1', join(directory, 'through'));
  await assert.rejects(snapshotDirectory(directory), isRefused(/leaves the source/));
});

test('trees over a limit, taken inputs, names that are not text and missing directories are refused', async () => {
  const directory = await aDirectory({ a: '12345', b: '12345', 'inputs/report/x': '1' });

  await assert.rejects(snapshotDirectory(directory, { maxBytes: 9 }), isRefused(/more than 9 bytes.*"b"/));
  await assert.rejects(snapshotDirectory(directory, { maxFiles: 2 }), isRefused(/3 files, more than 2/));
  await assert.rejects(snapshotDirectory(directory, { inputKeys: ['report'] }), isRefused(/inputs\/report/));
  await snapshotDirectory(directory, { inputKeys: ['repo'] });
  await assert.rejects(snapshotDirectory(join(directory, 'nowhere')), isRefused(/not a directory/));
  await writeFile(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff])]), 'x');
  await assert.rejects(snapshotDirectory(directory), isRefused(/not UTF-8/));
});

test('a file that grows is taken as it was opened, one that goes away is refused', async () => {
  const directory = await aDirectory({ a: 'x'.repeat(3_000_000), b: 'y' });
  const snapshot = await snapshotDirectory(directory);
  const grown = async () => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of snapshot.tar()) {
      appendFileSync(join(directory, 'a'), 'more');
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  };

  execFileSync('tar', ['-tf', '-'], { input: await grown() });
  await rm(join(directory, 'b'));
  await assert.rejects(buffer(snapshot.tar()), isRefused(/\/b": it changed/));
});

test('programs named in the configuration of a repository are not run', async () => {
  const directory = await aDirectory({ '.gitattributes': '* filter=evil\n', a: '1' });
  const marker = join(root, 'snapshot-marker');
  gitIn(directory, 'init', '-q');
  gitIn(directory, 'add', '.');
  gitIn(directory, 'config', 'core.fsmonitor', `touch ${marker}`);
  gitIn(directory, 'config', 'filter.evil.clean', `touch ${marker}`);

  await listed(directory);

  assert.equal(existsSync(marker), false);
});
