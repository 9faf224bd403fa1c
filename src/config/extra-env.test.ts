import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedExtraEnv } from './extra-env.ts';
import { LocalDockerProvider } from './local-docker-provider.ts';

const provider = 'LocalDockerProvider';

test('plain settings are taken as they are', () => {
  const env = {
    LOG_LEVEL: 'info',
    HTTPS_PROXY: 'http://proxy:3128',
    MAX_TOKENS: '4096',
    TOKENIZERS_PARALLELISM: 'false',
    GIT_AUTHOR_NAME: 'Somebody',
    PYTHONPATH: '/workspace',
    BYPASS_CACHE: '1',
    SSH_PUBLIC_KEY: 'ssh-ed25519 AAAA',
    KEYBOARD: 'us',
    EMPTY: '',
  };

  assert.deepEqual(checkedExtraEnv(provider, env), env);
  assert.deepEqual(new LocalDockerProvider({ extraEnv: env }).extraEnv, env);
});

const refused: readonly (readonly [name: string, value: string, reason: string])[] = [
  ['AWS_SECRET_ACCESS_KEY', 'minioadmin', 'is the name of a credential'],
  ['AWS_ACCESS_KEY_ID', 'minioadmin', 'is the name of a credential'],
  ['AWS_SESSION_TOKEN', 'x', 'is the name of a credential'],
  ...[
    'db_password',
    'PGPASSWORD',
    'DB_PASS',
    'SIGNING_KEY',
    'SIGNING_KEY_V2',
    'ENCRYPTION_KEY',
    'OPENAI_APIKEY',
    'SECRET_KEY_BASE',
    'CLIENT_SECRET_V2',
    'GH_PAT',
    'NPM_AUTH',
    'AUTH_HEADER',
    'GOOGLE_APPLICATION_CREDENTIALS',
  ].map((name) => [name, 'x', 'is the name of a credential'] as const),
  ['SETTING', `AKIA${'Q7'.repeat(8)}`, 'looks like an AWS access key id'],
  ['HTTPS_PROXY', 'http://me:hush@proxy:3128', 'is a URL with a password in it'],
];

for (const [name, value, reason] of refused) {
  test(`${name} that ${reason} is refused by its name, with the way to give it`, () => {
    assert.throws(() => new LocalDockerProvider({ extraEnv: { LOG_LEVEL: 'info', [name]: value } }), {
      code: 'invalid-config',
      message: `Cannot use extraEnv of LocalDockerProvider: ${name} ${reason}`,
      next: `Register it as a secret, which reaches workers on stdin: agora env register --name <env> --secret ${name}=stdin:`,
    });
  });
}

test('what is no environment is refused, and no value is repeated', () => {
  for (const given of [{ '1X': 'hush' }, { X: 1 }, { X: 'hush\0' }, ['hush'], 'hush']) {
    assert.throws(
      () => checkedExtraEnv(provider, given),
      (error: Error) =>
        /^Cannot use extraEnv of LocalDockerProvider: /.test(error.message) && !/hush/.test(error.message),
    );
  }
});
