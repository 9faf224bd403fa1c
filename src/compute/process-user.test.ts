import assert from 'node:assert/strict';
import { test } from 'node:test';
import { userIdFor } from './process-user.ts';

const ids = { first: 1_000, count: 10 };

test('a task gets the same id each time, and another when that is taken', () => {
  const id = userIdFor('d-one', ids, new Set());

  assert.equal(userIdFor('d-one', ids, new Set()), id);
  assert.notEqual(userIdFor('d-one', ids, new Set([id])), id);
});

test('no two tasks share an id while there are ids left', () => {
  const taken = new Set<number>();
  for (let index = 1; index < ids.count; index += 1) taken.add(userIdFor('d-same', ids, taken));

  assert.equal(taken.size, ids.count - 1);
  for (const id of taken) assert.ok(id > ids.first && id < ids.first + ids.count);
});
