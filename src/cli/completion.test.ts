import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { cliProgram } from './cli-program.ts';
import { complete } from './complete.ts';
import { completion } from './completion.ts';
import { completionScripts } from './completion-scripts.ts';
import { aSessionPlace, declareWeb } from './session-place.suite.ts';

const run = promisify(execFile);

test('commands, options and names of hosts and workspaces are completed', async (t) => {
  const { type, server } = await aSessionPlace(t);
  await declareWeb(server);
  const after = async (...words: string[]) => (await type(complete, ['--', ...words]).ended).stdout.trim().split('\n');

  assert.deepEqual(await after('comp'), ['completion']);
  assert.deepEqual(await after('host', 'at'), ['attach']);
  assert.deepEqual(await after('host', 'exec', '--us'), ['--user']);
  assert.deepEqual(await after('completion', ''), ['bash', 'zsh', 'fish']);
  assert.deepEqual(await after('completion', 'z'), ['zsh']);
  assert.deepEqual(await after('alert', 'set', 'disk'), ['disk-full']);
  assert.deepEqual(await after('host', 'status', ''), ['box']);
  assert.deepEqual(await after('host', 'exec', '-it', '--user', 'root', 'b'), ['box/']);
  assert.deepEqual(await after('host', 'logs', 'box/w'), ['box/web']);
  assert.deepEqual(await after('host', 'cp', 'file', 'box/'), ['box/web:']);
  for (const words of [
    ['nope', ''],
    ['host', 'exec', '--user', ''],
    ['completion', 'bash', ''],
    ['host', 'exec', 'box/web', 'l'],
    ['host', 'logs', 'no/'],
  ]) {
    assert.deepEqual(await after(...words), [''], words.join(' '));
  }
});

test('where no server answers, its names are not completed, and nothing is said', async (t) => {
  const { type } = await aSessionPlace(t);
  for (const env of [{ AGORA_SERVER: 'http://127.0.0.1:1' }, { AGORA_SERVER: '' }]) {
    const { code, stdout, stderr } = await type(complete, ['--', 'host', 'status', ''], { env }).ended;
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' });
  }
});

test('bash completes with it', async (t) => {
  const { server } = await aSessionPlace(t);
  await declareWeb(server);
  const folder = await mkdtemp(join(tmpdir(), 'agora-completion-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'agora'), `#!/bin/sh\nexec ${cliProgram.map((word) => `'${word}'`).join(' ')} "$@"\n`);
  await chmod(join(folder, 'agora'), 0o755);
  const env = { PATH: `${folder}:${process.env['PATH']}`, AGORA_SERVER: server.url, AGORA_TOKEN: server.adminToken };
  const completed = async (line: string) => {
    const script = `${completionScripts.bash}
complete -p agora
COMP_LINE='${line}' COMP_POINT=${line.length}
_agora 2>/dev/null
printf '<%s>' "\${COMPREPLY[@]}"`;
    const { stdout } = await run('bash', ['--norc', '-c', script], { env });
    return stdout.replace('complete -o default -F _agora agora\n', '');
  };

  assert.equal(await completed('agora host exec --det'), '<--detach-keys>');
  assert.equal(await completed('agora host exec box/'), '<box/web>');
  assert.equal(await completed('agora host cp box/w'), '<box/web:>');
  assert.equal(await completed('agora completion '), '<bash><zsh><fish>');
  assert.match(await completed('agora host '), /<attach>.*<cp>.*<exec>/);
});

test('a shell that is none of them is refused', async (t) => {
  const { type } = await aSessionPlace(t);

  assert.match((await type(completion, ['tcsh']).ended).stderr, /"tcsh": it is not one of bash, zsh, fish/);
  assert.match((await type(completion, ['fish']).ended).stdout, /^# In .*\n[\s\S]*\ncomplete -c agora/);
});
