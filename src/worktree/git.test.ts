import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { git, gitStream } from './git.ts';
import { createRepository, gitEnvironment } from './git-environment.ts';

const root = await mkdtemp(join(tmpdir(), 'agora-git-'));
after(() => rm(root, { recursive: true, force: true }));
const gitDir = join(root, 'repository');
await createRepository(gitDir);

test('a failure carries what git said', async () => {
  await assert.rejects(git({ gitDir }, ['cat-file', 'blob', '1'.repeat(40)]), (error) => {
    assert.ok(isAppError(error, 'internal'));
    assert.match(error.message, /"git cat-file": exit code 128/);
    return error.cause instanceof Error && /fatal/.test(error.cause.message);
  });
});

test('an exit code that is an answer is no failure', async () => {
  const answer = await git({ gitDir }, ['rev-parse', '--verify', '-q', 'HEAD'], { answers: [1] });

  assert.deepEqual([answer.exitCode, answer.stdout.length], [1, 0]);
});

test('output over its limit is refused', async () => {
  const blob = (await git({ gitDir }, ['hash-object', '-w', '--stdin'], { input: 'x'.repeat(500_000) })).stdout;
  const reading = git({ gitDir }, ['cat-file', 'blob', blob.toString().trim()], { maxBytes: 1000 });

  await assert.rejects(reading, (error) => isAppError(error, 'limit-exceeded'));
});

test('a reader that leaves early ends git', async () => {
  const blob = (await git({ gitDir }, ['hash-object', '-w', '--stdin'], { input: 'x'.repeat(5_000_000) })).stdout;

  for await (const chunk of gitStream({ gitDir }, ['cat-file', 'blob', blob.toString().trim()])) {
    assert.ok(chunk.length > 0);
    break;
  }
});

test('an aborted call gives the reason', async () => {
  const reason = new Error('enough');

  await assert.rejects(
    git({ gitDir }, ['--version'], { signal: AbortSignal.abort(reason) }),
    (error) => error === reason,
  );
});

test('a folder that is gone is reported', async () => {
  await assert.rejects(git({ directory: join(root, 'gone') }, ['--version']), (error) =>
    isAppError(error, 'not-found'),
  );
});

test('a failure of the input is the failure of the call', async () => {
  async function* broken() {
    yield Buffer.from('x');
    throw new Error('connection lost');
  }

  await assert.rejects(git({ gitDir }, ['hash-object', '--stdin'], { input: broken() }), /connection lost/);
});

test('configuration in the home folder and in the repository cannot take over', async () => {
  const hostile = join(root, 'hostile');
  await createRepository(hostile);
  await writeFile(join(hostile, 'config'), '[core]\n\thooksPath = /x\n\tfsmonitor = touch x\n\tautocrlf = true\n');

  const settings = ['core.hooksPath', 'core.fsmonitor', 'core.autocrlf'];
  const values = await Promise.all(settings.map((name) => git({ gitDir: hostile }, ['config', '--get', name])));

  assert.deepEqual(
    values.map((value) => value.stdout.toString().trim()),
    ['/dev/null', 'false', 'false'],
  );
  assert.deepEqual(
    Object.keys(gitEnvironment({ gitDir })).filter((name) => ['HOME', 'GIT_DIR'].includes(name)),
    ['GIT_DIR'],
  );
});
