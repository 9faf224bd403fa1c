import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { leftToNpmTest } from '../../test/support/quick-tests.ts';
import { isAppError } from '../contracts/errors.ts';
import { bytesOf, SqliteDatabase } from './sqlite-database.ts';

const migrations = Array.from({ length: 8 }, (_, step) => `CREATE TABLE t${step} (n INTEGER)`);

async function aFile(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-sqlite-'));
  t.after(() => rm(folder, { recursive: true }));
  return join(folder, 'x.db');
}

/** Opens the file in a thread of its own; why it could not, or undefined. */
function openElsewhere(file: string, startAt: number): Promise<string | undefined> {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.module).then(({ SqliteDatabase }) => {
      while (Date.now() < workerData.startAt);
      try { new SqliteDatabase({ file: workerData.file, subject: 'x', migrations: workerData.migrations }).close(); parentPort.postMessage(undefined); }
      catch (error) { parentPort.postMessage(error.message); }
    });`;
  const module = new URL('./sqlite-database.ts', import.meta.url).href;
  const worker = new Worker(code, { eval: true, workerData: { module, file, migrations, startAt } });
  return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
}

test('several that open a new file at once all get the same database', { skip: leftToNpmTest }, async (t) => {
  const file = await aFile(t);
  const startAt = Date.now() + 1_500;

  const failures = await Promise.all(Array.from({ length: 6 }, () => openElsewhere(file, startAt)));

  assert.deepEqual(
    failures.filter((failure) => failure !== undefined),
    [],
  );
  const database = new SqliteDatabase({ file, subject: 'x', migrations });
  assert.equal(database.get('PRAGMA user_version')?.['user_version'], migrations.length);
  database.close();
});

test('a step that fails leaves the file at the step before', async (t) => {
  const file = await aFile(t);
  const open = (steps: readonly string[]) => new SqliteDatabase({ file, subject: 'x', migrations: steps });

  assert.throws(() => open(['CREATE TABLE a (n)', 'CREATE TABLE b (n); CREATE TABLE a (n)']));

  const database = open(['CREATE TABLE a (n)', 'CREATE TABLE b (n)']);
  assert.deepEqual(database.all('SELECT * FROM b'), []);
  database.close();
  assert.throws(
    () => open(['CREATE TABLE a (n)']),
    (error) => isAppError(error, 'state-newer'),
  );
});

test('a file of an earlier version that another process may be using is left as it is', async (t) => {
  const file = await aFile(t);
  const open = (steps: number, onEarlier: 'migrate' | 'refuse') =>
    new SqliteDatabase({ file, subject: 'x', migrations: migrations.slice(0, steps), onEarlier });
  open(2, 'migrate').close();

  assert.throws(
    () => open(3, 'refuse'),
    (error) => isAppError(error, 'state-older') && /schema version 2, this Agora wants 3/.test(error.message),
  );
  open(2, 'refuse').close();
});

test('a transaction is undone whole, with those inside it', async (t) => {
  const database = new SqliteDatabase({ file: await aFile(t), subject: 'x', migrations });
  const work = () =>
    database.transaction(() => {
      database.run('INSERT INTO t0 VALUES (1)');
      database.transaction(() => database.run('INSERT INTO t0 VALUES (2)'));
      throw new Error('no');
    });

  assert.throws(work, /^Error: no$/);
  assert.deepEqual(database.all('SELECT * FROM t0'), []);
  database.close();
});

test('what was committed is settled once it is on disk, for all that wait', async (t) => {
  const database = new SqliteDatabase({ file: await aFile(t), subject: 'x', migrations, durability: 'settle' });
  const before = database.settled();

  database.run('INSERT INTO t0 VALUES (1)');
  const first = database.settled();
  database.transaction(() => database.run('INSERT INTO t0 VALUES (2)'));
  const second = database.settled();

  assert.equal(before, undefined);
  assert.ok(first !== undefined && second !== undefined);
  await Promise.all([first, second]);
  assert.equal(database.settled(), undefined);
  database.close();
});

test('nobody waits for what changed nothing, what is relaxed, and a database that settles each commit itself', async (t) => {
  const settling = new SqliteDatabase({ file: await aFile(t), subject: 'x', migrations, durability: 'settle' });
  settling.run('DELETE FROM t0');
  settling.relaxed(() => settling.run('INSERT INTO t0 VALUES (1)'));
  const plain = new SqliteDatabase({ file: await aFile(t), subject: 'x', migrations });
  plain.run('INSERT INTO t0 VALUES (1)');

  assert.equal(settling.settled(), undefined);
  assert.deepEqual(settling.all('SELECT n FROM t0'), [{ __proto__: null, n: 1 }]);
  assert.equal(plain.settled(), undefined);
  settling.close();
  plain.close();
});

test('a column that holds no bytes is told as damage', () => {
  assert.deepEqual(bytesOf({ packed: Uint8Array.of(1) }, 'packed'), Uint8Array.of(1));
  assert.throws(
    () => bytesOf({ packed: 'text' }, 'packed'),
    (error) => isAppError(error, 'state-corrupt') && error.next !== undefined,
  );
});
