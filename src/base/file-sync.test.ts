import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemErrorCode } from '../contracts/errors.ts';
import { FileSync } from './file-sync.ts';

test('who waits for a file that cannot be put on disk is told so, and the next wait tries again', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'agora-sync-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'log');
  const file = new FileSync(path);
  t.after(() => file.close());

  file.wrote();
  const waits = await Promise.allSettled([file.synced(), file.synced()]);
  const codes = waits.map((wait) => wait.status === 'rejected' && systemErrorCode(wait.reason));
  assert.deepEqual(codes, ['ENOENT', 'ENOENT']);
  assert.equal(file.isSynced, false);

  await writeFile(path, 'there');
  await file.synced();
  assert.equal(file.isSynced, true);
});
