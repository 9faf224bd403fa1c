import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readConfigFile } from '../agent/config-file.ts';
import { completeConfig, configOfFlags, keepConfig } from './agent-config.ts';
import { agentPlaces } from './agent-places.ts';

test('what was typed comes before the file, the file before the defaults', () => {
  const typed = configOfFlags({ 'server-url': 'http://typed:1', 'log-directory': 'logs' }, '/here');
  const file = { server_url: 'http://file:1', build_directory: '/builds', deployment_name: 'box' };

  assert.deepEqual(completeConfig(typed, file), {
    server_url: 'http://typed:1',
    build_directory: '/builds',
    deployment_name: 'box',
    log_directory: '/here/logs',
    delete_build_context_after_build: true,
    log_max_size: 10 * 1024 * 1024,
  });
  assert.deepEqual(completeConfig(configOfFlags({}, '/here'), undefined), {
    server_url: 'http://localhost:8090',
    build_directory: '/tmp',
    delete_build_context_after_build: true,
    log_max_size: 10 * 1024 * 1024,
  });
});

test('a first start keeps what was typed, a later one reads it and changes nothing', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'agora-home-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  // No variable but those that say where home is counts for an agent.
  const { configFile: file } = agentPlaces({ env: { HOME: home, SERVER_URL: 'http://other:1' } });
  const start = (url: string) =>
    keepConfig({ file, flags: configOfFlags({ 'server-url': url }, '/here'), log: assert.fail });

  const first = await start('http://typed:1');
  const later = await start('http://again:1');

  assert.equal(file, join(home, '.config/trailer.dev/config.yml'));
  assert.deepEqual(first, {});
  assert.equal(later.server_url, 'http://typed:1');
  assert.deepEqual(await readConfigFile(file), later);
});

test('a join token that was typed is not kept: a start without it is one without it', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'agora-home-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  const file = join(home, 'config.yml');
  const flags = configOfFlags({ 'server-url': 'http://typed:1', 'join-token-file': 'wrong' }, '/here');

  await keepConfig({ file, flags, log: assert.fail });

  const kept = await readConfigFile(file);
  assert.equal(kept?.server_url, 'http://typed:1');
  assert.equal(kept.join_token_file, undefined);
});

test('a name that is none and a cap below a line of a log are refused where they are typed', () => {
  for (const flags of [{ 'deployment-name': 'a b' }, { 'log-max-size': '4095' }, { 'log-max-size': '1k' }])
    assert.throws(() => configOfFlags(flags, '/here'), { code: 'usage' });
});
