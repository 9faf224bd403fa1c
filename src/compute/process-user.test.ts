import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { claiming, userIdFor } from './process-user.ts';

const ids = { first: 1_000, count: 10 };

test('a task gets the same id each time, and another when that is taken', () => {
  const id = userIdFor('d-one', ids, new Set());

  assert.equal(userIdFor('d-one', ids, new Set()), id);
  assert.notEqual(userIdFor('d-one', ids, new Set([id])), id);
});

test('without an id left a task is not started', () => {
  const taken = new Set(Array.from({ length: ids.count }, (_, index) => ids.first + index));

  assert.throws(
    () => userIdFor('d-one', ids, taken),
    (error) => isAppError(error, 'no-compute'),
  );
});

test('two claims at the same time never choose the same id', async () => {
  const taken = new Set<number>();
  const claim = () =>
    claiming(async () => {
      const id = userIdFor('d-same', ids, taken);
      await new Promise(setImmediate);
      taken.add(id);
      return id;
    });

  const claimed = await Promise.all([claim(), claim(), claim()]);

  assert.equal(new Set(claimed).size, 3);
});

test('no two tasks share an id while there are ids left', () => {
  const taken = new Set<number>();
  for (let index = 1; index < ids.count; index += 1) taken.add(userIdFor('d-same', ids, taken));

  assert.equal(taken.size, ids.count - 1);
  for (const id of taken) assert.ok(id > ids.first && id < ids.first + ids.count);
});
