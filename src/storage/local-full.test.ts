import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { isAppError } from '../contracts/errors.ts';
import { LocalStorage } from './local.ts';

const run = promisify(execFile);
const isRoot = process.platform === 'linux' && process.getuid?.() === 0;

test('a disk without room even for a folder is full, and said to be', {
  skip: !isRoot && 'mounting needs root',
}, async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'agora-full-'));
  // Of two inodes the file system's own root is one.
  await run('mount', ['-t', 'tmpfs', '-o', 'nr_inodes=2,size=1m', 'agora-test', root]);
  t.after(async () => {
    await run('umount', ['-l', root]);
    await rm(root, { recursive: true, force: true });
  });
  const isFull = (error: unknown) => isAppError(error, 'disk-full') && error.message.includes(root);

  // Nothing is there, then `names`.
  await assert.rejects(new LocalStorage({ root }).putName({ namespace: 'n', type: 'env', name: 'a' }, '{}'), isFull);
  await assert.rejects(new LocalStorage({ root }).putBlob(Buffer.from('x')), isFull);
});
