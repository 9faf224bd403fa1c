import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { type SecretsManager, startSecretsManager } from '../../test/support/secrets-manager.ts';
import { isAppError } from '../contracts/errors.ts';
import { AwsSecretStore, type AwsSecretStoreOptions } from './aws.ts';
import { AwsConnection } from './aws-connection.ts';

async function place(t: TestContext, options: AwsSecretStoreOptions = {}) {
  const manager = await startSecretsManager(t);
  const client = clientOf(manager);
  t.after(() => client.destroy());
  return { manager, store: new AwsSecretStore({ client, ...options }) };
}

function clientOf({ endpoint, region }: SecretsManager) {
  const credentials = { accessKeyId: 'key-of-a-test', secretAccessKey: 'hush' };
  return new SecretsManagerClient({ endpoint, region, credentials, maxAttempts: 2 });
}

test('a secret is found by its ARN, whole or one member of it, as text or as bytes', async (t) => {
  const { manager, store } = await place(t);
  const plain = manager.add('prod/key', { SecretString: 'open sesame' });
  const json = manager.add('prod/database', { SecretString: '{"user":"app","port":5432}' });
  const managed = manager.add('rds!db-6ba0c8a3', { SecretString: 'of a database' });
  const bytes = manager.add('prod/bytes', { SecretBinary: Buffer.from('grüezi').toString('base64') });

  const found = await Promise.all(
    [plain, json, `${json}:user`, `${json}:port::`, managed, bytes].map((ref) => store.resolve(ref)),
  );

  assert.deepEqual(found, ['open sesame', '{"user":"app","port":5432}', 'app', '5432', 'of a database', 'grüezi']);
  assert.ok(manager.asked.every(({ keyId, region }) => keyId === 'key-of-a-test' && region === manager.region));
});

test('a staged secret is given out until it expires, listed, and removed', async (t) => {
  const { manager, store } = await place(t);
  const others = ['Agora/not-staged', 'agora/not-staged'].map((name) => manager.add(name, { SecretString: 'theirs' }));

  const kept = await store.stage({ name: 'API_KEY', value: 'first' });
  const brief = await store.stage({ name: 'ünique <name>', value: 'second', ttlSeconds: 3600 });
  const expired = await store.stage({ name: 'OLD', value: 'third', ttlSeconds: -1 });

  assert.deepEqual([await store.resolve(kept.ref), await store.resolve(brief.ref)], ['first', 'second']);
  await assert.rejects(
    store.resolve(expired.ref),
    (error) => isAppError(error, 'not-found') && /expired/.test(error.message),
  );
  const listed = await store.list();
  assert.deepEqual(listed.map(({ name }) => name).sort(), ['API_KEY', '_nique _name_']);
  assert.deepEqual(listed.find(({ ref }) => ref === brief.ref)?.expiresAt, brief.expiresAt);
  for (const { ref } of [...listed, ...listed]) await store.remove(ref);
  for (const ref of others) await store.remove(ref);
  assert.deepEqual([...manager.secrets.keys()], others);
});

test('what has expired is told to who may not remove it, and not given out', async (t) => {
  const { manager, store } = await place(t);
  const { ref } = await store.stage({ name: 'OLD', value: 'third', ttlSeconds: -1 });
  manager.deny('DeleteSecret');

  assert.deepEqual(await store.list(), []);
  await assert.rejects(store.resolve(ref), (error) => isAppError(error, 'not-found') && /expired/.test(error.message));
});

test('a prefix that would take in the secrets of others is refused', () => {
  assert.throws(
    () => new AwsSecretStore({ prefix: '' }),
    (error) => isAppError(error, 'invalid-config'),
  );
});

test('an endpoint that holds a password is refused and not quoted', () => {
  for (const endpoint of ['https://me:hunter2@host', 'https://host/?key=hunter2', 'hunter2']) {
    assert.throws(
      () => new AwsSecretStore({ endpoint }),
      (error) => isAppError(error, 'invalid-config') && !/hunter2/.test(`${error.message} ${error.next}`),
    );
  }
});

test('a client that could not be made is made when it is asked for again', async () => {
  let tries = 0;
  const connection = new AwsConnection({
    get credentials() {
      if (++tries === 1) throw new Error('too many open files');
      return { accessKeyId: 'a', secretAccessKey: 'b' };
    },
  });
  const ask = () => connection.ask('count', 'eu-central-1', async (client) => client.destroy());

  await assert.rejects(ask());
  await ask();
});

test('expired secrets are removed by whoever lists them', async (t) => {
  const { manager, store } = await place(t);
  await store.stage({ name: 'OLD', value: 'third', ttlSeconds: -1 });

  assert.deepEqual(await store.list(), []);
  assert.equal(manager.secrets.size, 0);
});

test('what cannot be found or read is told, and no value with it', async (t) => {
  const { manager, store } = await place(t);
  const text = manager.add('text', { SecretString: 'hush hush' });
  const list = manager.add('list', { SecretString: '[1]' });
  const binary = manager.add('binary', { SecretBinary: Buffer.from([0xff, 0xfe]).toString('base64') });
  const empty = manager.add('empty', { SecretString: '' });
  const cases = [
    { ref: text.replace('text', 'other'), code: 'not-found', says: /no such secret/ },
    { ref: `${text}:key`, code: 'not-found', says: /no JSON object with a text under "key"/ },
    { ref: `${list}:constructor`, code: 'not-found', says: /under "constructor"/ },
    { ref: binary, code: 'invalid-input', says: /binary/ },
    { ref: empty, code: 'invalid-input', says: /empty/ },
    { ref: 'arn:aws:s3:::bucket', code: 'invalid-input', says: /malformed/ },
    { ref: 'arn:', code: 'invalid-input', says: /malformed/ },
  ] as const;

  for (const { ref, code, says } of cases) {
    await assert.rejects(store.resolve(ref), (error) => {
      assert.ok(isAppError(error, code), String(error));
      assert.match(error.message, says);
      assert.doesNotMatch(JSON.stringify([error.message, error.next, String(error.cause)]), /hush/);
      return true;
    });
  }
});

test('each refusal of AWS is told apart, with what to do', async (t) => {
  const { manager, store } = await place(t);
  const ref = manager.add('key', { SecretString: 'hush' });
  const cases = [
    { type: 'AccessDeniedException', code: 'refused', next: /GetSecretValue/ },
    { type: 'DecryptionFailure', code: 'refused', next: /kms:Decrypt/ },
    { type: 'ExpiredTokenException', code: 'refused', next: /AWS_PROFILE/ },
    { type: 'UnrecognizedClientException', code: 'refused', next: /AWS_PROFILE/ },
    { type: 'EncryptionFailure', code: 'refused', next: /kms:GenerateDataKey/ },
    { type: 'InvalidParameterException', code: 'refused', next: /AWS CLI/ },
    { type: 'SomethingNewException', code: 'refused', next: /AWS CLI/ },
    { type: 'InvalidRequestException', code: 'not-found', next: /restore-secret/ },
  ] as const;

  for (const { type, code, next } of cases) {
    manager.fail({ status: 400, type });
    await assert.rejects(store.resolve(ref), (error) => isAppError(error, code) && next.test(error.next ?? ''), type);
  }
});

test('a moment of trouble is got over, and lasting trouble is told', async (t) => {
  const { manager, store } = await place(t);
  const ref = manager.add('key', { SecretString: 'hush' });

  manager.fail({ status: 500, type: 'InternalServiceError' });
  assert.equal(await store.resolve(ref), 'hush');
  manager.fail({ status: 400, type: 'ThrottlingException' });
  assert.equal(await store.resolve(ref), 'hush');
  const lasting = [
    { status: 500, type: 'InternalServiceError' },
    { status: 503, type: 'SomethingNewException' },
    { status: 400, type: 'ThrottlingException' },
  ];
  for (const fault of lasting) {
    manager.fail(fault, fault);
    await assert.rejects(store.resolve(ref), (error) => isAppError(error, 'unreachable'), fault.type);
  }
});

test('without a client of its own it asks in the region of the ARN, with the credentials of the environment', async (t) => {
  const manager = await startSecretsManager(t);
  const ref = manager.add('key', { SecretString: 'hush' });
  const before = { ...process.env };
  t.after(() => {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION']) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  });
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'from-env', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-east-1' });

  const store = new AwsSecretStore({ endpoint: manager.endpoint });
  const asked = { action: 'GetSecretValue', region: 'eu-central-1', keyId: 'from-env' };

  assert.equal(await store.resolve(ref), 'hush');
  manager.fail('hang');
  assert.equal(await store.resolve(ref), 'hush', 'what is never answered is asked again');
  assert.deepEqual(manager.asked, [asked, asked, asked]);
});

test('keys that it is given count before those of the environment', async (t) => {
  const manager = await startSecretsManager(t);
  const credentials = { accessKeyId: 'given', secretAccessKey: 'x' };
  const store = new AwsSecretStore({ endpoint: manager.endpoint, region: manager.region, credentials });

  const { ref } = await store.stage({ name: 'API_KEY', value: 'hush' });

  assert.equal(await store.resolve(ref), 'hush');
  assert.deepEqual([...new Set(manager.asked.map(({ keyId }) => keyId))], ['given']);
});

test('where nothing listens, it says so soon', async () => {
  const client = new SecretsManagerClient({
    endpoint: 'http://127.0.0.1:1',
    region: 'eu-central-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    maxAttempts: 1,
  });

  await assert.rejects(
    new AwsSecretStore({ client }).stage({ name: 'API_KEY', value: 'hush' }),
    (error) => isAppError(error, 'unreachable') && /API_KEY.*ECONNREFUSED/.test(error.message),
  );
  client.destroy();
});
