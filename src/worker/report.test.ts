import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { aTaskResult } from '../../test/support/a-task-result.ts';
import { smallDisk, withoutSmallDisks } from '../../test/support/small-disk.ts';
import { isAppError } from '../contracts/errors.ts';
import { keepRoom, writeResult } from './report.ts';

const result = aTaskResult({ outcome: 'failed', failure: 'disk-limit', exitCode: null });

test('a result has room on a disk that others filled, and leaves nothing else', {
  skip: withoutSmallDisks,
}, async (t) => {
  const disk = await smallDisk();
  t.after(() => disk.close());
  mkdirSync(disk.folder);
  keepRoom(disk.folder);
  await disk.fill();

  writeResult(disk.folder, result);

  assert.deepEqual(readdirSync(disk.folder), ['result.json']);
  assert.deepEqual(JSON.parse(readFileSync(join(disk.folder, 'result.json'), 'utf8')), result);
  assert.throws(
    () => keepRoom(disk.folder),
    (error) => isAppError(error, 'disk-full'),
  );
});

test('a result has room also on a disk that others go on filling', { skip: withoutSmallDisks }, async (t) => {
  const disk = await smallDisk();
  t.after(() => disk.close());
  mkdirSync(disk.folder);
  keepRoom(disk.folder);
  await disk.fill();
  const larger = {
    ...result,
    leftOut: Array.from({ length: 2_000 }, (_, index) => `a file of a long name, ${index}`.repeat(2)),
  };

  assert.throws(
    () => writeResult(disk.folder, larger),
    (error) => isAppError(error, 'disk-full'),
  );
  await disk.fill();
  writeResult(disk.folder, result);

  assert.deepEqual(readdirSync(disk.folder), ['result.json']);
  assert.deepEqual(JSON.parse(readFileSync(join(disk.folder, 'result.json'), 'utf8')), result);
});
