import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { parseDockerConfig, readDockerConfig } from './docker-config.ts';

const auth = (text: string) => Buffer.from(text).toString('base64');
const someone = { username: 'someone', password: 'a:b' };

test('logins are known by their registry, however docker wrote it down', () => {
  const auths = {
    'https://index.docker.io/v1/': { auth: auth('hub:word') },
    'registry.example:5000': { auth: auth('someone:a:b') },
    'https://other.example/v2/': { username: 'someone', password: 'a:b' },
    'token.example': { auth: auth('00000000-0000-0000-0000-000000000000:'), identitytoken: 'long-one' },
    'helped.example': {},
    'broken.example': { auth: '???' },
  };

  const { entries, store } = parseDockerConfig(
    JSON.stringify({ auths, credHelpers: { 'docker.io': 'pass' }, credsStore: 'desktop', HttpHeaders: {} }),
    'config.json',
  );

  assert.equal(store, 'desktop');
  assert.deepEqual(entries, [
    { key: 'docker.io', registry: 'https://index.docker.io/v1/', helper: 'pass' },
    {
      ...{ key: 'https://index.docker.io/v1/', registry: 'https://index.docker.io/v1/' },
      login: { username: 'hub', password: 'word' },
    },
    { key: 'registry.example:5000', registry: 'registry.example:5000', login: someone },
    { key: 'https://other.example/v2/', registry: 'other.example', login: someone },
    { key: 'token.example', registry: 'token.example', login: { identityToken: 'long-one' } },
    { key: 'helped.example', registry: 'helped.example', login: undefined },
    { key: 'broken.example', registry: 'broken.example', login: undefined },
  ]);
});

test('no file is no login, and a file of something else is refused by its name', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'agora-config-'));
  t.after(() => rm(folder, { recursive: true }));

  assert.equal(await readDockerConfig(join(folder, 'config.json')), undefined);
  assert.equal(await readDockerConfig(folder), undefined);
  for (const text of ['', '[]', '{"auths": 1}', '{"auths": {"a": "b"}}', '{"credHelpers": {"a": 1}}'])
    assert.throws(
      () => parseDockerConfig(text, 'config.json'),
      (error) => isAppError(error, 'invalid-config') && error.message.includes('"config.json"'),
    );
});
