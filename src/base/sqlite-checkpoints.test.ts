import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { waitUntil } from './deadline.ts';
import { SqliteCheckpoints } from './sqlite-checkpoints.ts';
import { SqliteDatabase } from './sqlite-database.ts';

test('what a database that settles has in its log comes into its file, and the log is used again', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'agora-checkpoints-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'x.db');
  const database = new SqliteDatabase({
    file,
    subject: 'x',
    migrations: ['CREATE TABLE t (text TEXT)'],
    durability: 'settle',
  });
  const add = () => database.run('INSERT INTO t VALUES (?)', 'x'.repeat(1_000_000));
  const sizeOf = async (path: string) => (await stat(path)).size;
  const failures: unknown[] = [];

  for (let count = 0; count < 8; count += 1) add();
  const before = await sizeOf(file);
  const checkpoints = new SqliteCheckpoints({ file, onFailure: (error) => failures.push(error), everyMs: 20 });
  await waitUntil('the file to grow', async () => (await sizeOf(file)) > 8_000_000);
  const isUsedAgain = async () => {
    const logBytes = await sizeOf(`${file}-wal`);
    add();
    return (await sizeOf(`${file}-wal`)) === logBytes;
  };
  await waitUntil('the log to be used again', isUsedAgain, { intervalMs: 100 });

  assert.ok(before < 8_000_000, 'the thread of the database moves nothing by itself');
  await checkpoints.close();
  database.close();
  assert.deepEqual(failures, []);
});

test('a database that cannot be opened is told of once', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'agora-checkpoints-'));
  t.after(() => rm(folder, { recursive: true }));
  const failures: unknown[] = [];

  const checkpoints = new SqliteCheckpoints({
    file: folder,
    onFailure: (error) => failures.push(error),
    everyMs: 10,
  });
  await waitUntil('a failure', () => failures.length > 0);
  await checkpoints.close();

  assert.match(String(failures), /unable to open database file/);
});
