import assert from 'node:assert/strict';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { findConfig } from './find-config.ts';
import { nearestTrust, stateFolder } from './state-folder.ts';

let root: string;
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'agora-find-config-')));
  await mkdir(join(root, 'repository', '.git'), { recursive: true });
  await mkdir(join(root, 'repository', 'a', 'b'), { recursive: true });
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function write(...path: string[]): Promise<string> {
  const file = join(root, ...path);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, '');
  return file;
}

test('the nearest config upward to the repository root counts', async () => {
  const top = await write('repository', 'agora.config.mjs');
  const cwd = join(root, 'repository', 'a', 'b');

  assert.equal(findConfig({ env: {}, cwd }), top);

  const nearer = await write('repository', 'a', 'agora.config.js');
  assert.equal(findConfig({ env: {}, cwd }), nearer);
});

test('in one folder TypeScript comes before JavaScript', async () => {
  await write('repository', 'agora.config.mjs');
  const typescript = await write('repository', 'agora.config.ts');

  assert.equal(findConfig({ env: {}, cwd: join(root, 'repository') }), typescript);
});

test('a config above the repository does not count', async () => {
  await write('agora.config.mjs');

  assert.equal(findConfig({ env: {}, cwd: join(root, 'repository', 'a') }), undefined);
});

test('outside a repository only the current folder is looked at', async () => {
  const here = await write('agora.config.mjs');
  await mkdir(join(root, 'plain'));

  assert.equal(findConfig({ env: {}, cwd: root }), here);
  assert.equal(findConfig({ env: {}, cwd: join(root, 'plain') }), undefined);
});

test('--config comes before AGORA_CONFIG, which comes before what is near', async () => {
  await write('repository', 'agora.config.mjs');
  const named = await write('named.mjs');
  const fromEnvironment = await write('environment.mjs');
  const cwd = join(root, 'repository');
  const env = { AGORA_CONFIG: fromEnvironment };

  assert.equal(findConfig({ named: '../named.mjs', env, cwd }), named);
  assert.equal(findConfig({ env, cwd }), fromEnvironment);
});

test('a named folder stands for the config in it', async () => {
  const config = await write('project', 'agora.config.mjs');

  assert.equal(findConfig({ named: join(root, 'project'), env: {}, cwd: root }), config);
});

test('a named config that is not there is an error that says who named it', () => {
  assert.throws(() => findConfig({ named: 'nope.mjs', env: {}, cwd: root }), {
    code: 'invalid-config',
    message: `Cannot use config "${join(root, 'nope.mjs')}" (from --config): there is no such file`,
  });
});

test('state lies beside the config, or in the current folder without one', () => {
  assert.equal(stateFolder('/project/agora.config.mjs', '/elsewhere'), '/project/.agora');
  assert.equal(stateFolder(undefined, '/elsewhere'), '/elsewhere/.agora');
});

test('the nearest trust file upward to the repository root counts', async () => {
  await write('.agora', 'trust.json');
  const cwd = join(root, 'repository', 'a', 'b');

  assert.equal(nearestTrust(cwd), undefined);

  const trust = await write('repository', '.agora', 'trust.json');
  assert.equal(nearestTrust(cwd), trust);
});
