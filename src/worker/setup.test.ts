import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { outNames } from '../contracts/names.ts';
import { doWork } from './worker-under-test.ts';

const shell = (script: string) => ['sh', '-c', script];
const newFile = 'diff --git a/early b/early\nnew file mode 100644\n--- /dev/null\n+++ b/early\n@@ -0,0 +1 @@\n+early\n';

test('files of capabilities lie over the worktree, and only what the subagent does is its patch', async (t) => {
  const { result, read, live, workspace, uid } = await doWork(t, {
    files: { 'a.txt': 'one\n', 'tools/old': 'old\n' },
    overlay: { 'a.txt': 'from the capability\n', 'tools/new': 'new\n', '.claude/settings.json': '{}' },
    command: shell('cat a.txt tools/old tools/new; echo mine > mine.txt'),
  });

  assert.equal(result.outcome, 'done');
  assert.equal(live.stdout, 'from the capability\nold\nnew\n');
  assert.deepEqual((await read(outNames.patch)).match(/^diff --git .*$/gm), ['diff --git a/mine.txt b/mine.txt']);
  if (uid !== undefined) assert.equal(statSync(join(workspace, '.claude/settings.json')).uid, uid);
});

test('setup scripts run in order with the environment of the subagent, and leave nothing to its patch', async (t) => {
  const { result, read, live } = await doWork(t, {
    files: { '.gitignore': 'node_modules/\n', 'a.txt': 'one\n' },
    overlay: {
      '.agora/setup/01-first.sh':
        'set -e; pwd > where; test -n "$TOKEN"; echo "$PLAIN:given"; mkdir node_modules; echo x > node_modules/x',
      '.agora/setup/02-second.sh': 'cat where >/dev/null && echo installed >> a.txt',
    },
    env: { PLAIN: 'plain' },
    secrets: { TOKEN: 'a-secret-value' },
    command: shell('echo more >> a.txt; echo y > node_modules/x'),
  });

  assert.equal(result.outcome, 'done');
  assert.match(live.stdout, /^plain:given$/m);
  const patch = await read(outNames.patch);
  assert.match(patch, /^ installed\n\+more$/m);
  assert.deepEqual(patch.match(/^diff --git .*$/gm), ['diff --git a/a.txt b/a.txt']);
  const setup = result.blocks
    .filter(({ kind }) => kind === 'setup')
    .map(({ name, passed, exitCode }) => [name, passed, exitCode]);
  assert.deepEqual(setup, [
    ['first', true, 0],
    ['second', true, 0],
  ]);
  assert.ok(result.timings.setupMs > 0);
});

test('a setup that fails names its capability and nothing it printed; the subagent never runs', async (t) => {
  const { result, workspace } = await doWork(t, {
    overlay: { '.agora/setup/01-tools.sh': 'echo private words; exit 9', '.agora/setup/02-more.sh': 'echo > second' },
    command: shell('echo > ran'),
  });

  assert.deepEqual([result.outcome, result.failure, result.exitCode], ['failed', 'setup-failed', 9]);
  assert.equal(result.message, 'The setup script of capability "tools" ended with exit code 9');
  assert.deepEqual([existsSync(join(workspace, 'second')), existsSync(join(workspace, 'ran'))], [false, false]);
});

test('setup scripts have one deadline together', async (t) => {
  const { result } = await doWork(t, {
    overlay: { '.agora/setup/01-quick.sh': 'true', '.agora/setup/02-slow.sh': 'sleep 60' },
    setupTimeoutSeconds: 0.3,
  });

  assert.equal(result.failure, 'setup-failed');
  assert.equal(result.message, 'The setup script of capability "slow" ran longer than 0.3 s');
});

test('what was done before a question is there again, and in the patch', async (t) => {
  const { result, read } = await doWork(t, {
    files: { 'a.txt': 'one\n' },
    partialPatch: newFile,
    answer: { question: 'which?', answer: 'two' },
    command: shell('grep -q two .agora/answer.json && echo late >> early && cat early'),
  });

  assert.equal(result.outcome, 'done');
  assert.match(await read(outNames.patch), /^\+early\n\+late$/m);
});

test('earlier work that does not fit is a conflict, earlier work that leaves the worktree is refused', async (t) => {
  const conflict = await doWork(t, { files: { early: 'other\n' }, partialPatch: newFile });
  const hostile = await doWork(t, { partialPatch: newFile.replaceAll('early', '.git/hooks/x') });

  assert.deepEqual([conflict.result.failure, hostile.result.failure], ['patch-conflict', 'refused']);
});

test('a folder that setup replaced by a link does not lead the answer elsewhere', async (t) => {
  const { result, out } = await doWork(t, {
    overlay: { '.agora/setup/01-bad.sh': 'rm -rf .agora; ln -s ../out .agora' },
    answer: { answer: 1 },
    command: shell('test ! -L .agora && test -f .agora/answer.json'),
  });

  assert.equal(result.outcome, 'done');
  assert.equal(existsSync(join(out, 'answer.json')), false);
});
