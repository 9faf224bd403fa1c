import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { loginFor, loginsOf, readRegistryLogins } from './registry-logins.ts';

const auth = (text: string) => Buffer.from(text).toString('base64');
const someone = { username: 'someone', password: 'a:b' };

test('a login is found by the registry of a reference, however docker wrote it down', () => {
  const auths = {
    'https://index.docker.io/v1/': { auth: auth('hub:word') },
    'registry.example:5000': { auth: auth('someone:a:b') },
    'https://other.example/v2/': { auth: auth('someone:a:b') },
    'helped.example': {},
    'broken.example': { auth: '???' },
  };

  const logins = loginsOf(JSON.stringify({ auths, credsStore: 'desktop' }), 'config.json');

  assert.deepEqual(loginFor(logins, 'registry.example:5000/a/b:1'), someone);
  assert.deepEqual(loginFor(logins, 'other.example/a'), someone);
  assert.deepEqual(loginFor(logins, 'library/a:1'), { username: 'hub', password: 'word' });
  for (const reference of ['helped.example/a', 'broken.example/a', 'constructor.example/a'])
    assert.equal(loginFor(logins, reference), undefined);
});

test('no file is no login, and a file of something else is refused', async () => {
  assert.deepEqual(await readRegistryLogins('/nonexistent/config.json'), {});
  for (const text of ['', '[]', '{"auths": 1}', '{"auths": {"a": "b"}}'])
    assert.throws(
      () => loginsOf(text, 'config.json'),
      (error) => isAppError(error, 'invalid-config'),
    );
});
