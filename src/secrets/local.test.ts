import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { LocalSecretStore } from './local.ts';

const root = await mkdtemp(join(tmpdir(), 'agora-secrets-'));
after(() => rm(root, { recursive: true, force: true }));

let stores = 0;
function aStore() {
  stores += 1;
  const folder = join(root, String(stores), 'secrets');
  return { folder, store: new LocalSecretStore({ folder }) };
}

test('a staged secret is found by its ref, also by another store of the folder, until it is removed', async () => {
  const { folder, store } = aStore();
  const { ref, name, expiresAt } = await store.stage({ name: 'minimal.KEY', value: 'line one\nline two' });

  assert.deepEqual([name, expiresAt], ['minimal.KEY', undefined]);
  assert.match(ref, /^local-secret:\/\/[0-9a-f-]{36}$/);
  assert.equal(await new LocalSecretStore({ folder }).resolve(ref), 'line one\nline two');

  await store.remove(ref);
  await store.remove(ref);

  await assert.rejects(store.resolve(ref), (error) => isAppError(error, 'not-found'));
  assert.deepEqual(await readdir(folder), []);
});

test('secrets are for their owner only, in a folder that may have been open before', async () => {
  const { folder, store } = aStore();
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o755);

  await store.stage({ name: 'KEY', value: 'hidden' });

  const [file = ''] = await readdir(folder);
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  assert.equal((await stat(join(folder, file))).mode & 0o777, 0o600);
  assert.ok(!file.includes('hidden'));
});

test('a secret whose time is over is neither resolved nor listed, and is gone', async () => {
  const { folder, store } = aStore();
  const { ref } = await store.stage({ name: 'KEY', value: 'brief', ttlSeconds: 0.001 });
  const other = await store.stage({ name: 'OTHER', value: 'brief', ttlSeconds: 0.001 });
  const lasting = await store.stage({ name: 'LASTING', value: 'long', ttlSeconds: 3600 });
  while (Date.now() <= Date.parse(other.expiresAt ?? '')) await new Promise(setImmediate);

  await assert.rejects(store.resolve(ref), (error) => isAppError(error, 'not-found') && /expired/.test(error.message));
  assert.deepEqual(await store.list(), [lasting]);
  assert.equal((await readdir(folder)).length, 1);
});

test('a damaged file is told without a byte of it, and listed so that it can be removed', async () => {
  const { folder, store } = aStore();
  const { ref } = await store.stage({ name: 'KEY', value: 'hidden' });
  const [file = ''] = await readdir(folder);
  for (const damage of ['hidden', '{"value":"hidden"', '{"name":"KEY","value":5,"stagedAt":"hidden"}', '']) {
    await writeFile(join(folder, file), damage);

    await assert.rejects(store.resolve(ref), (error) => {
      assert.ok(isAppError(error, 'state-corrupt'));
      return !error.message.includes('hidden') && error.cause === undefined;
    });
    assert.deepEqual(
      (await store.list()).map((staged) => [staged.ref, staged.name]),
      [[ref, '(damaged)']],
    );
  }
});

test('a ref leads nowhere but into the folder', async () => {
  const { store } = aStore();
  for (const ref of [
    'local-secret://../../etc/passwd',
    'local-secret://',
    'local-secret://x',
    `local-secret://${'../'.repeat(12)}`,
  ]) {
    await assert.rejects(store.resolve(ref), (error) => isAppError(error, 'invalid-input'));
    await store.remove(ref);
  }
});

test('a value no process can be given is refused, and not repeated', async () => {
  const { folder, store } = aStore();
  for (const value of ['', 'a\0b', 'x'.repeat(65 * 1024), '\ud800']) {
    await assert.rejects(store.stage({ name: 'KEY', value }), (error) => {
      assert.ok(isAppError(error, 'invalid-input'));
      return value === '' || !error.message.includes(value.slice(0, 100));
    });
  }
  await assert.rejects(readdir(folder), { code: 'ENOENT' });
});

test('what a killed process left unfinished is removed after a day', async () => {
  const { folder, store } = aStore();
  await store.stage({ name: 'KEY', value: 'whole' });
  const half = join(folder, '.half.json.tmp');
  await writeFile(half, 'hidden');
  await utimes(half, 0, 0);

  await new LocalSecretStore({ folder }).list();

  assert.equal((await readdir(folder)).length, 1);
});

test('processes that stage at once lose nothing', async () => {
  const { folder, store } = aStore();
  const program = join(root, 'stage.mjs');
  const module = new URL('./local.ts', import.meta.url).href;
  await writeFile(
    program,
    `import { LocalSecretStore } from ${JSON.stringify(module)};
    const store = new LocalSecretStore({ folder: process.argv[2] });
    for (let index = 0; index < 20; index += 1) await store.stage({ name: 'KEY', value: process.argv[3] + index });`,
  );

  const processes = ['a', 'b', 'c'].map((letter) => fork(program, [folder, letter], { stdio: 'ignore' }));
  const codes = await Promise.all(processes.map(async (process) => (await once(process, 'exit'))[0]));

  assert.deepEqual(codes, [0, 0, 0]);
  const staged = await store.list();
  const values = await Promise.all(staged.map(({ ref }) => store.resolve(ref)));
  assert.equal(new Set(values).size, 60);
  assert.ok((await readFile(join(folder, (await readdir(folder))[0] ?? ''), 'utf8')).startsWith('{'));
});
