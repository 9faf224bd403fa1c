import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mapAhead } from './map-ahead.ts';

test('results come in order, and never more are under way than was said', async () => {
  const values = Array.from({ length: 20 }, (_, index) => index);
  let underWay = 0;
  let most = 0;

  const mapped = mapAhead(values, 4, async (value) => {
    most = Math.max(most, ++underWay);
    for (let turn = 0; turn < (value * 7) % 5; turn++) await Promise.resolve();
    underWay--;
    return value * 2;
  });
  const results: number[] = [];
  for await (const result of mapped) results.push(result);

  assert.deepEqual(
    results,
    values.map((value) => value * 2),
  );
  assert.ok(most > 1 && most <= 4, `${most} at once`);
});

test('a failure is told in its turn, and nothing begins after it', async () => {
  const begun: number[] = [];
  const results: number[] = [];
  const mapping = (async () => {
    const mapped = mapAhead([1, 2, 3, 4, 5], 2, async (value) => {
      begun.push(value);
      if (value === 2) throw new Error('two');
      return value;
    });
    for await (const result of mapped) results.push(result);
  })();

  await assert.rejects(mapping, /two/);

  assert.deepEqual([results, begun], [[1], [1, 2, 3]]);
});
