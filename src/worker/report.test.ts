import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { smallDisk, withoutSmallDisks } from '../../test/support/small-disk.ts';
import { isAppError } from '../contracts/errors.ts';
import { dispatchIdSchema } from '../contracts/ids.ts';
import type { TaskResult } from '../contracts/task.ts';
import { keepRoom, writeResult } from './report.ts';

const result: TaskResult = {
  dispatchId: dispatchIdSchema.parse(`d-${'a'.repeat(26)}`),
  outcome: 'failed',
  failure: 'disk-limit',
  exitCode: null,
  signal: null,
  patchBytes: 0,
  outputs: [],
  leftOut: [],
  redacted: [],
  blocks: [],
  timings: { receiveMs: 1, prepareMs: 1, setupMs: 0, runMs: 1, captureMs: 1 },
};

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
