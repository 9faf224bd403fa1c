import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { matchDispatch } from './find-dispatch.ts';

const known = ['d-aaaa', 'd-aabb', 'd-cccc'];

test('a dispatch is named by its id or by a beginning that only it has', () => {
  assert.equal(matchDispatch('d-aaaa', known), 'd-aaaa');
  assert.equal(matchDispatch('d-c', known), 'd-cccc');
  assert.equal(matchDispatch('aab', known), 'd-aabb');
  assert.equal(matchDispatch('d-x', known), undefined);
  assert.equal(matchDispatch('', known), undefined);
});

test('a beginning that several have is refused with those', () => {
  assert.throws(
    () => matchDispatch('d-a', known),
    (error) => isAppError(error, 'usage') && /2 begin so: d-aaaa, d-aabb/.test(error.message),
  );
});
