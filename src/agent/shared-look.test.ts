import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import { SharedLook } from './shared-look.ts';

/** Looks of which each is answered by the test. */
function someLooks() {
  const looks: PromiseWithResolvers<ObservedContainer[]>[] = [];
  const shared = new SharedLook({
    observeContainers: () => {
      const look = Promise.withResolvers<ObservedContainer[]>();
      looks.push(look);
      return look.promise;
    },
  });
  return { shared, looks };
}

const signal = new AbortController().signal;

test('all who take a look of a moment ago share one, also while it is under way', async () => {
  const { shared, looks } = someLooks();
  const asked = Array.from({ length: 50 }, () => shared.containers(signal, 60_000));

  looks[0]?.resolve([]);
  await Promise.all(asked);
  await shared.containers(signal, 60_000);

  assert.equal(looks.length, 1);
});

test('who wants to know how it is now is told of no earlier look', async () => {
  const { shared, looks } = someLooks();
  const early = shared.containers(signal, 60_000);
  const now = shared.containers(signal);

  for (const look of looks) look.resolve([]);
  await Promise.all([early, now]);

  assert.equal(looks.length, 2);
});

test('who leaves ends no look that others wait for', async () => {
  const { shared, looks } = someLooks();
  const leaving = new AbortController();
  const [left, stays] = [shared.containers(leaving.signal, 60_000), shared.containers(signal, 60_000)];

  leaving.abort(new Error('left'));

  await assert.rejects(left, /left/);
  looks[0]?.resolve([]);
  assert.deepEqual(await stays, []);
});

test('a look that failed is not shared with who comes after it', async () => {
  const { shared, looks } = someLooks();
  const failed = shared.containers(signal, 60_000);
  looks[0]?.reject(new Error('away'));
  await assert.rejects(failed, /away/);

  const again = shared.containers(signal, 60_000);

  looks[1]?.resolve([]);
  assert.deepEqual(await again, []);
});
