import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { LocalSecretStore } from '../secrets/local.ts';
import { LocalStorage } from '../storage/local.ts';
import { type GivenEnv, registerEnv, resolveEnv, secretRefsInUse } from './envs.ts';
import { removeRegistered } from './registered.ts';

const root = await mkdtemp(join(tmpdir(), 'agora-envs-'));
after(() => rm(root, { recursive: true, force: true }));

let places = 0;
function aPlace() {
  places += 1;
  const secrets = new LocalSecretStore({ folder: join(root, `secrets-${places}`) });
  return { storage: new LocalStorage({ root: join(root, `storage-${places}`) }), namespace: 'test', secrets };
}
type Place = ReturnType<typeof aPlace>;

async function refsOf({ storage }: Place, name: string): Promise<Readonly<Record<string, string>>> {
  return (await resolveEnv(storage, 'test', name)).env.secrets;
}

test('values are kept as they are and a given secret only as its ref', async () => {
  const place = aPlace();
  await registerEnv(place, {
    name: 'minimal',
    values: { LOG_LEVEL: 'info' },
    secrets: { KEY: { inline: 'hidden-value' }, OTHER: { ref: 'env:OTHER' } },
  });

  const { env } = await resolveEnv(place.storage, 'test', 'minimal');

  assert.deepEqual(
    { ...env, secrets: Object.keys(env.secrets) },
    {
      name: 'minimal',
      values: { LOG_LEVEL: 'info' },
      secrets: ['KEY', 'OTHER'],
    },
  );
  assert.equal(env.secrets['OTHER'], 'env:OTHER');
  assert.equal(await place.secrets.resolve(env.secrets['KEY'] ?? ''), 'hidden-value');
});

test('registering the same again is the same content and stages nothing anew', async () => {
  const place = aPlace();
  const given = { name: 'same', secrets: { KEY: { inline: 'hidden' } } };
  const first = await registerEnv(place, given);

  const second = await registerEnv(place, given);

  assert.equal(second.digest, first.digest);
  assert.equal((await place.secrets.list()).length, 1);
});

test('a new secret does not take the one that an earlier content refers to', async () => {
  const place = aPlace();
  const old = await registerEnv(place, { name: 'changed', secrets: { KEY: { inline: 'old' } } });
  await registerEnv(place, { name: 'changed', secrets: { KEY: { inline: 'new' } } });

  const [latest] = Object.values(await refsOf(place, 'changed'));
  const [earlier] = Object.values(await refsOf(place, `changed@${old.digest}`));

  assert.equal(await place.secrets.resolve(latest ?? ''), 'new');
  assert.equal(await place.secrets.resolve(earlier ?? ''), 'old');
});

test('a secret that expires is never kept in place of one that lasts', async () => {
  const place = aPlace();
  await registerEnv(place, { name: 'brief', secrets: { KEY: { inline: 'hidden', ttlSeconds: 3600 } } });
  const [brief] = await place.secrets.list();

  await registerEnv(place, { name: 'brief', secrets: { KEY: { inline: 'hidden' } } });

  const { KEY: ref } = await refsOf(place, 'brief');
  assert.notEqual(ref, brief?.ref);
  assert.equal((await place.secrets.list()).find((staged) => staged.ref === ref)?.expiresAt, undefined);
});

test('an empty secret is refused with the variable that was probably not set', async () => {
  const registering = registerEnv(aPlace(), { name: 'empty', secrets: { API_KEY: { inline: '' } } });

  await assert.rejects(registering, (error) => {
    return (
      isAppError(error, 'invalid-input') && /API_KEY is empty/.test(error.message) && /\$API_KEY/.test(error.next ?? '')
    );
  });
});

test('a credential among the plain values is refused with its place and without itself', async () => {
  const place = aPlace();
  const token = `ghp_${'a1'.repeat(18)}`;

  await assert.rejects(registerEnv(place, { name: 'leaky', values: { TOKEN: token } }), (error) => {
    assert.ok(isAppError(error, 'refused'));
    return /values\.TOKEN looks like a GitHub token/.test(error.message) && !error.message.includes(token);
  });
});

test('whatever is wrong with a secret, it is told without its value, and nothing stays staged', async () => {
  const place = aPlace();
  const odd: readonly unknown[] = [
    { name: 'odd', secrets: { KEY: { inline: 'hidden', extra: 'hidden' } } },
    { name: 'odd', secrets: { KEY: { ref: 'hidden' } } },
    { name: 'odd', secrets: { KEY: 'hidden' } },
    { name: 'odd', secrets: { KEY: null } },
    { name: 'odd', secrets: { 'NOT A NAME': { inline: 'hidden' } } },
    { name: 'odd', secrets: { KEY: { inline: 'hid\0den' } } },
    { name: 'odd', values: { KEY: 'x' }, secrets: { KEY: { inline: 'hidden' } } },
    { name: 'odd/name', secrets: { KEY: { inline: 'hidden' } } },
    { name: 'odd', secrets: { GOOD: { inline: 'hidden' }, KEY: { inline: 'hidden'.repeat(20_000) } } },
  ];
  for (const given of odd) {
    await assert.rejects(registerEnv(place, given as GivenEnv), (error) => {
      assert.ok(isAppError(error, 'invalid-input'), String(error));
      return !error.message.includes('hid');
    });
  }
  assert.deepEqual(await place.secrets.list(), []);
});

test('without a store only refs can be registered', async () => {
  const place = { ...aPlace(), secrets: undefined };

  await registerEnv(place, { name: 'refs', secrets: { KEY: { ref: 'env:KEY' } } });
  await assert.rejects(registerEnv(place, { name: 'refs', secrets: { KEY: { inline: 'hidden' } } }), (error) => {
    return isAppError(error, 'refused') && /secretStore/.test(error.next ?? '');
  });
});

test('the refs in use are those of the latest contents', async () => {
  const place = aPlace();
  await registerEnv(place, { name: 'one', secrets: { KEY: { inline: 'old' } } });
  await registerEnv(place, { name: 'one', secrets: { KEY: { inline: 'new' } } });
  await registerEnv(place, { name: 'two', secrets: { KEY: { inline: 'gone' } } });
  await removeRegistered(place.storage, 'test', 'env', 'two');

  assert.deepEqual([...(await secretRefsInUse(place.storage, 'test'))], Object.values(await refsOf(place, 'one')));
  assert.equal((await place.secrets.list()).length, 3);
});

test('no secret lies in storage, whatever was registered', async () => {
  const place = aPlace();
  await registerEnv(place, { name: 'minimal', secrets: { KEY: { inline: 'hidden-value' } } });

  for (const file of await readdir(place.storage.root, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    assert.ok(!(await readFile(join(file.parentPath, file.name), 'latin1')).includes('hidden-value'));
  }
});

test('a credential behind the word of a ref is refused with its place, and not repeated', async () => {
  const place = aPlace();
  const key = `AKIA${'ABCDEFGHIJKLMNOP'}`;
  for (const ref of [`file:${key}`, `env:${key}`, `arn:aws:${key}`]) {
    await assert.rejects(registerEnv(place, { name: 'wrong', secrets: { KEY: { ref } } }), (error) => {
      assert.ok(isAppError(error, 'refused'));
      assert.equal(error.message, 'Cannot register env "wrong": secrets.KEY looks like an AWS access key id');
      return true;
    });
  }
});

test('a name whose record or content cannot be read can be registered again, and removed', async () => {
  const place = aPlace();
  const { storage } = place;
  const env = { name: 'broken', secrets: { KEY: { inline: 'hidden-value' } } };
  const path = { namespace: 'test', type: 'env', name: 'broken' } as const;
  const nowhere = JSON.stringify({ digest: `sha256:${'0'.repeat(64)}` });

  for (const record of ['{', nowhere]) {
    await storage.putName(path, record);
    await registerEnv(place, env);
    assert.equal(await place.secrets.resolve((await refsOf(place, 'broken'))['KEY'] ?? ''), 'hidden-value');
  }

  await storage.putName(path, '{');
  await removeRegistered(storage, 'test', 'env', 'broken');
  assert.equal(await storage.getName(path), undefined);
});
