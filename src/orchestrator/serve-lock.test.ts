import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { smallDisk, withoutSmallDisks } from '../../test/support/small-disk.ts';
import { takeServeLock } from './serve-lock.ts';

test('a lock that was there before is taken on a full disk too, by one at a time', {
  skip: withoutSmallDisks,
}, async (t) => {
  const disk = await smallDisk();
  t.after(() => disk.close());
  await mkdir(disk.folder);
  const take = () => takeServeLock(join(disk.folder, 'lock'));
  take().release();

  await disk.fill();
  for (let round = 0; round < 2; round++) {
    const lock = take();
    assert.throws(take, { code: 'daemon-running' });
    lock.release();
  }
});
