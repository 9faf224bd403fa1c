import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFile, cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import type { Project } from '../support/project.ts';
import { item, shellProject, submit, watched } from '../support/shell-project.ts';

const before: Readonly<Record<string, string>> = {
  'one.txt': lines('one', 12),
  'two.txt': lines('two', 12),
  'folder/three.txt': 'three\n',
};

const items = [
  item('first', "sed -i 's/^one 3$/ONE 3/' one.txt"),
  item('second', "sed -i 's/^two 3$/TWO 3/' two.txt; echo new > folder/new.txt"),
  item('third', "sed -i 's/^one 9$/ONE 9/' one.txt", { depends_on: ['first'] }),
  item('idle', 'true'),
];

/** A finished run over a source that lies in a repository, unless it is said to lie in none. */
async function anEditedProject(t: TestContext, { inRepository = true, more = [] as object[] } = {}): Promise<Project> {
  const project = await shellProject(t, 'process', { source: before });
  await writeFile(join(project.folder, '.gitignore'), '.agora\n');
  if (inRepository) await commitAll(project);
  const daemon = await project.serve();
  const runId = await submit(project, 'edits', [...items, ...more]);
  await watched(project, runId);
  daemon.child.kill();
  await daemon.finished;
  return project;
}

test('patches come out whole, one by one, and applied to the folder inside its repository', async (t) => {
  const project = await anEditedProject(t);

  const all = await project.agora(['orch', 'patch', 'edits']);
  const one = await project.agora(['orch', 'patch', 'edits', 'third']);
  const got = await project.agora(['artifact', 'get', 'edits/third', '--out', 'third.diff']);
  const idle = await project.agora(['orch', 'patch', 'edits', 'idle']);
  const unknown = await project.agora(['orch', 'patch', 'edits', 'thirt']);
  const applied = await project.agora(['orch', 'apply', 'edits']);
  const again = await project.agora(['orch', 'apply', 'edits']);

  assert.deepEqual(
    [all, one, got, idle, unknown, applied, again].map(({ code }) => code),
    [0, 0, 0, 3, 2, 0, 0],
  );
  assert.equal(all.stdout.match(/^diff --git/gm)?.length, 4);
  assert.match(one.stdout, /^-one 9\n\+ONE 9$/m);
  assert.equal(await project.read('third.diff'), one.stdout);
  assert.match(idle.stderr, /it changed nothing/);
  assert.match(unknown.stderr, /did you mean "third"/);
  assert.equal(applied.stdout, 'applied folder/new.txt\napplied one.txt\napplied two.txt\n');
  assert.match(again.stdout, /^nothing to do: .* has these changes already\n$/);
  assert.deepEqual(await sourceOf(project), {
    'one.txt': lines('one', 12).replace('one 3', 'ONE 3').replace('one 9', 'ONE 9'),
    'two.txt': lines('two', 12).replace('two 3', 'TWO 3'),
    'folder/three.txt': 'three\n',
    'folder/new.txt': 'new\n',
  });
  assert.deepEqual(await gitStatus(project), [' M source/one.txt', ' M source/two.txt', '?? source/folder/new.txt']);
});

test('single items are applied, and the rest later', async (t) => {
  const project = await anEditedProject(t);

  const second = await project.agora(['orch', 'apply', 'edits', 'second']);
  const third = await project.agora(['orch', 'apply', 'edits', 'third']);
  const rest = await project.agora(['orch', 'apply', 'edits']);

  assert.deepEqual([second.code, third.code], [0, 0], third.stderr);
  assert.equal(second.stdout, 'applied folder/new.txt\napplied two.txt\n');
  assert.equal(third.stdout, 'applied one.txt\n');
  // What was applied before is a change that is not committed, so the rest of that file has to wait.
  assert.equal(rest.code, 1);
  assert.match(rest.stderr, /not committed yet: one\.txt; nothing was changed/);
  await commitAll(project);
  const after = await project.agora(['orch', 'apply', 'edits']);
  assert.deepEqual([after.code, after.stdout], [0, 'applied one.txt\n'], after.stderr);
  assert.match((await sourceOf(project))['one.txt'] ?? '', /ONE 3[\s\S]*ONE 9/);
});

test('on a conflict or a change that is not committed nothing is touched', async (t) => {
  const project = await anEditedProject(t);
  const file = join(project.folder, 'source', 'one.txt');

  await appendFile(file, 'mine\n');
  const dirty = await project.agora(['orch', 'apply', 'edits']);
  const whileDirty = await sourceOf(project);
  await writeFile(file, lines('one', 12).replace('one 9', 'uno 9'));
  await commitAll(project);
  const conflict = await project.agora(['orch', 'apply', 'edits']);

  assert.deepEqual(
    [dirty, conflict].map(({ code }) => code),
    [1, 1],
  );
  assert.match(dirty.stderr, /not committed yet: one\.txt; nothing was changed/);
  assert.deepEqual(whileDirty, { ...before, 'one.txt': `${lines('one', 12)}mine\n` });
  assert.match(
    conflict.stderr,
    /item "third" does not fit "one\.txt" at @@ -\d+,\d+ \+\d+,\d+ @@.*nothing was changed/,
  );
  assert.deepEqual(await sourceOf(project), { ...before, 'one.txt': lines('one', 12).replace('one 9', 'uno 9') });
  assert.deepEqual(await gitStatus(project), []);
});

test('patches go to another folder, or to one without a repository', async (t) => {
  const project = await anEditedProject(t, { inRepository: false });
  await cp(join(project.folder, 'source'), join(project.folder, 'copy'), { recursive: true });

  const toCopy = await project.agora(['orch', 'apply', 'edits', 'first', '--to', 'copy']);
  const nowhere = await project.agora(['orch', 'apply', 'edits', '--to', 'nowhere']);
  const here = await project.agora(['orch', 'apply', 'edits']);
  const again = await project.agora(['orch', 'apply', 'edits']);

  assert.deepEqual([toCopy.code, here.code, again.code], [0, 0, 0], here.stderr);
  assert.equal(toCopy.stdout, 'applied one.txt\n');
  assert.match(await project.read('copy/one.txt'), /ONE 3[\s\S]*one 9/);
  assert.deepEqual([nowhere.code, nowhere.stdout], [2, ''], nowhere.stderr);
  assert.match(nowhere.stderr, /nowhere/);
  assert.match(again.stdout, /^nothing to do/);
});

test('of a run that failed, what is done is applied and the rest is named', async (t) => {
  const broken = [item('broken', 'echo no > one.txt; exit 7'), item('after', 'true', { depends_on: ['broken'] })];
  const project = await anEditedProject(t, { more: broken });

  const applied = await project.agora(['orch', 'apply', 'edits']);
  const named = await project.agora(['orch', 'apply', 'edits', 'broken']);
  const unknown = await project.agora(['orch', 'apply', 'edit5']);

  assert.deepEqual(
    [applied, named, unknown].map(({ code }) => code),
    [0, 3, 3],
  );
  assert.equal(applied.stdout, 'applied folder/new.txt\napplied one.txt\napplied two.txt\n');
  assert.match(applied.stderr, /run "edits" is failed; this leaves out broken \(failed\), after \(skipped\)/);
  assert.match((await sourceOf(project))['one.txt'] ?? '', /ONE 9/);
  assert.match(named.stderr, /"broken".*it is failed/);
  assert.match(unknown.stderr, /Cannot find run "edit5"/);
});

function lines(word: string, count: number): string {
  return Array.from({ length: count }, (_, index) => `${word} ${index + 1}\n`).join('');
}

async function sourceOf(project: Project): Promise<Record<string, string>> {
  const names = [...Object.keys(before), 'folder/new.txt'];
  const found: Record<string, string> = {};
  for (const name of names) {
    const text = await readFile(join(project.folder, 'source', name), 'utf8').catch(() => undefined);
    if (text !== undefined) found[name] = text;
  }
  return found;
}

async function git(project: Project, words: readonly string[]): Promise<string> {
  const identity = ['-c', 'user.name=tester', '-c', 'user.email=tester@example.com'];
  const { stdout } = await promisify(execFile)('git', [...identity, ...words], {
    cwd: project.folder,
    env: { ...project.env, GIT_CONFIG_NOSYSTEM: '1' },
  });
  return stdout;
}

async function commitAll(project: Project): Promise<void> {
  await git(project, ['init', '--quiet']);
  await git(project, ['add', '--all']);
  await git(project, ['commit', '--quiet', '--message', 'as it is']);
}

async function gitStatus(project: Project): Promise<string[]> {
  const status = await git(project, ['status', '--porcelain', '--untracked-files=all', '--', 'source']);
  return status.split('\n').filter((line) => line !== '');
}
