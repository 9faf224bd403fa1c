import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { type Look, lookAt } from './init-look.ts';

async function aFolder(t: TestContext, files: readonly string[], name = 'my project'): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'agora-look-'));
  t.after(() => rm(parent, { recursive: true, force: true }));
  const folder = join(parent, name);
  await mkdir(folder);
  for (const path of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), 'x\n');
  }
  return folder;
}

async function aRepository(t: TestContext, files: readonly string[]): Promise<string> {
  const folder = await aFolder(t, files);
  git(folder, 'init', '-q');
  return folder;
}

function git(folder: string, ...words: string[]): void {
  execFileSync('git', words, { cwd: folder });
}

test('languages are counted by extension, and what builds the parts is listed from the root down', async (t) => {
  const folder = await aFolder(t, ['web/a.ts', 'web/b.TS', 'web/package.json', 'go.mod', 'main.go', 'LICENSE']);

  const look = await lookAt(folder, []);

  assert.deepEqual(look, {
    title: 'my project',
    runId: 'my-project-1',
    source: '.',
    fileCount: 6,
    languages: [
      { extension: '.ts', files: 2, name: 'TypeScript' },
      { extension: '.go', files: 1, name: 'Go' },
      { extension: '.json', files: 1, name: 'JSON' },
    ],
    projects: ['go.mod', 'web/package.json'],
    products: { inventory: 'INVENTORY.md', openTasks: 'OPEN-TASKS.md' },
    diskMb: undefined,
    hidden: [],
    notes: [],
  } satisfies Look);
});

test('files it writes itself do not count, and the names of its products are free in any case', async (t) => {
  const folder = await aFolder(t, ['plan.json', 'inventory.md', 'INVENTORY-2.md', 'docs/OPEN-TASKS.md']);

  const look = await lookAt(folder, ['plan.json']);

  assert.deepEqual([look.fileCount, look.products], [3, { inventory: 'INVENTORY-3.md', openTasks: 'OPEN-TASKS.md' }]);
});

test('a file that is tracked and gone, as in a sparse checkout, does not count', async (t) => {
  const folder = await aRepository(t, ['a.py', 'b.py', 'sub/c.rs']);
  git(folder, 'add', '.');
  await rm(join(folder, 'sub'), { recursive: true });

  const look = await lookAt(folder, []);

  assert.deepEqual([look.fileCount, look.languages], [2, [{ extension: '.py', files: 2, name: 'Python' }]]);
});

test('in a repository a link that leaves it and that nobody tracks is to be ignored, and all the rest is taken', async (t) => {
  const folder = await aRepository(t, ['a.py', '.venv/bin/pip']);
  await symlink('/usr/bin/env', join(folder, '.venv', 'bin', 'python'));

  const look = await lookAt(folder, []);

  assert.deepEqual([look.source, look.fileCount, look.hidden], ['.', 2, ['.venv/bin/python']]);
  assert.deepEqual(look.notes, ['.venv/bin/python is a link that leads out of it, so it is ignored']);
});

test('a link that leaves the repository and is tracked is not hidden', async (t) => {
  const folder = await aRepository(t, ['fine/a.py']);
  await symlink('/usr/bin/env', join(folder, 'env'));
  git(folder, 'add', '.');

  const look = await lookAt(folder, []);

  assert.deepEqual([look.source, look.hidden], ['fine', []]);
});

test('where a link leaves the folder, runs start from its fullest part that none leaves', async (t) => {
  const folder = await aFolder(t, ['big/a', 'big/b', 'big/c', 'fine/a.rs', 'fine/b', 'small/a', 'root.py']);
  await symlink('/etc/hosts', join(folder, 'big', 'hosts'));

  const look = await lookAt(folder, []);

  assert.deepEqual([look.source, look.fileCount, look.languages.map(({ name }) => name)], ['fine', 2, ['Rust']]);
  assert.match(look.notes.join('\n'), /link to "\/etc\/hosts", which leaves the source\nso runs start from "fine"/);
});

test('a folder no part of which can be taken is refused with the reason', async (t) => {
  const folder = await aFolder(t, ['only/a']);
  await symlink('/etc/hosts', join(folder, 'only', 'hosts'));

  await assert.rejects(lookAt(folder, []), (error) => {
    assert.ok(isAppError(error, 'source-refused'));
    assert.match(error.message, /only\/hosts": it is a link to "\/etc\/hosts"/);
    assert.match(error.next ?? '', /\.gitignore/);
    return true;
  });
});

for (const [name, runId] of [
  ['-ü-', 'first-1'],
  ['.config', 'config-1'],
  ['a'.repeat(200), `${'a'.repeat(100)}-1`],
] as const) {
  test(`the run of a folder named "${name.slice(0, 10)}" has an id that is allowed`, async (t) => {
    assert.equal((await lookAt(await aFolder(t, [], name), [])).runId, runId);
  });
}
