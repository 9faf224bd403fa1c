import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { repositoryRoot } from './support/source-files.ts';

const agora = join(repositoryRoot, 'bin', 'agora');

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agora-bin-'));
});
after(() => rm(folder, { recursive: true, force: true }));

function run(file: string, ...words: string[]) {
  return spawnSync(file, words, { cwd: folder, encoding: 'utf8', env: { PATH: '/usr/bin:/bin', HOME: folder } });
}

test('agora runs from any folder and through links, whatever Node is on the path', async () => {
  await mkdir(join(folder, 'bin'));
  await symlink(agora, join(folder, 'bin', 'first'));
  await symlink('first', join(folder, 'bin', 'second'));

  for (const file of [agora, join(folder, 'bin', 'second')]) {
    const { status, stdout, stderr } = run(file, '--version');
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  }
});

test('a word that is no command ends with 2 and nothing on stdout', () => {
  const { status, stdout, stderr } = run(agora, 'orch', 'sumbit');

  assert.deepEqual([status, stdout], [2, '']);
  assert.match(stderr, /did you mean "orch submit"/);
});

test('a stack is printed only with AGORA_DEBUG', () => {
  const withDebug = spawnSync(agora, ['nope'], { encoding: 'utf8', env: { ...process.env, AGORA_DEBUG: '1' } });

  assert.doesNotMatch(run(agora, 'nope').stderr, /choose-command/);
  assert.match(withDebug.stderr, /choose-command/);
});

test('a reader that goes away early is no failure', () => {
  const { status, stderr } = run('/bin/sh', '-c', `trap '' PIPE; { ${agora} --help; echo "exit $?" >&2; } | true`);

  assert.equal(status, 0);
  assert.match(stderr, /^exit 0$/m);
  assert.doesNotMatch(stderr, /EPIPE/);
});

test('Ctrl-C ends a command with 130', async () => {
  await writeFile(join(folder, 'agora.config.mjs'), "export { default } from './defined.mjs';");
  await writeFile(
    join(folder, 'defined.mjs'),
    "import { defineConfig } from 'agora-offload'; export default defineConfig();",
  );
  const child = spawn(agora, ['orch', 'watch', 'run-1'], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  const talk = text(child.stderr);
  // It talks once it waits.
  child.stderr.once('data', () => child.kill('SIGINT'));

  assert.equal(await ended, 130);
  assert.match(await talk, /not submitted yet/);
});
