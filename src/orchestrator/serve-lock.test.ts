import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SmallDisk } from '../../test/support/small-disk.ts';
import { takeServeLock } from './serve-lock.ts';

test('a lock that was there before is taken on a full disk too, by one at a time', {
  skip: process.getuid?.() !== 0 && 'only root mounts a small disk',
}, async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'agora-lock-'));
  const disk = new SmallDisk(t, 256 * 1024);
  t.after(() => rm(root, { recursive: true }));
  await disk.mount(join(root, 'disk'));
  const take = () => takeServeLock(join(root, 'disk', 'lock'));
  take().release();

  await disk.fill();
  for (let round = 0; round < 2; round++) {
    const lock = take();
    assert.throws(take, { code: 'daemon-running' });
    lock.release();
  }
});
