import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HalfWritten } from './half-written.ts';

test('a text may grow until it was the same for a second, however often it is looked at', () => {
  const halfWritten = new HalfWritten();

  assert.equal(halfWritten.mayGrow('a', '{"pl', 0), true);
  assert.equal(halfWritten.mayGrow('a', '{"pl', 1), true);
  assert.equal(halfWritten.mayGrow('a', '{"plan"', 1_500), true);
  assert.equal(halfWritten.mayGrow('a', '{"plan"', 2_499), true);
  assert.equal(halfWritten.mayGrow('a', '{"plan"', 2_500), false);
});

test('a file that went and came again is looked at anew', () => {
  const halfWritten = new HalfWritten();
  halfWritten.mayGrow('a', '{', 0);

  halfWritten.keep(['b']);

  assert.equal(halfWritten.mayGrow('a', '{', 5_000), true);
});
