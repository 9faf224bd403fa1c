import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lookDelayMs, PolledWatches } from './polled-watches.ts';

test('looks come each second after news, and ever more seldom without', () => {
  const delays = [0, 5_000, 20_000, 60_000, 100_000, 3_600_000].map((quietMs) => lookDelayMs(quietMs, 10_000));

  assert.deepEqual(delays, [1_000, 1_000, 2_000, 6_000, 10_000, 10_000]);
  assert.equal(lookDelayMs(60_000, 200), 200);
});

test('all watches look at the same moments', { timeout: 20_000 }, async () => {
  const watches = new PolledWatches(300);
  const stop = new AbortController();
  const times: number[][] = [[], []];

  await Promise.all(
    times.map(async (own, index) => {
      for await (const _ of watches.watch(`${index}/`, stop.signal)) {
        own.push(performance.now());
        if (own.length === 4) stop.abort();
      }
    }),
  );

  const [first = [], second = []] = times;
  // The first is each one's own start.
  for (const [index, time] of first.entries()) {
    if (index > 0) assert.ok(Math.abs(time - (second[index] ?? time)) < 100, `look ${index}`);
  }
});

test('a change is told to the watches of its folder only, also to one that is busy', { timeout: 20_000 }, async () => {
  const watches = new PolledWatches(3_600_000);
  const stop = new AbortController();
  const [mine, other] = [watches.watch('mine/', stop.signal), watches.watch('other/', stop.signal)];
  await mine.next();
  await other.next();
  watches.wasChanged('mine/a.json');
  let isOtherTold = false;
  const told = other.next().then(({ done }) => {
    isOtherTold = done !== true;
  });

  assert.equal((await mine.next()).done, false);

  stop.abort();
  await told;
  assert.equal(isOtherTold, false);
  assert.equal((await mine.next()).done, true);
});
