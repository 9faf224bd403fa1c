import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { bytesOf } from './size-word.ts';

test('a size is bytes, with a unit or without', () => {
  assert.deepEqual(
    ['512', '512k', '1.5g', '2gb'].map((typed) => bytesOf('space', typed)),
    [512, 512 * 1_024, 1_610_612_736, 2_147_483_648],
  );
  for (const typed of ['', '0', '-1', '1x', 'all'])
    assert.throws(
      () => bytesOf('space', typed),
      (error) => isAppError(error, 'usage') && error.message.startsWith(`Cannot use --space "${typed}"`),
    );
});
