import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildQueue } from './build-queue.ts';

const never = new AbortController().signal;

test('one after the other, in the order they came; who gives up holds up nobody', async () => {
  const queue = new BuildQueue(1);
  const began: string[] = [];
  const first = Promise.withResolvers<void>();
  const stop = new AbortController();
  const work = (name: string, until?: Promise<void>) => async () => {
    began.push(name);
    await until;
  };

  const running = queue.run(work('first', first.promise), never);
  const givenUp = queue.run(work('given up'), stop.signal);
  const last = queue.run(work('last'), never);
  stop.abort(new Error('enough'));
  await assert.rejects(givenUp, /enough/);
  first.resolve();
  await Promise.all([running, last]);

  assert.deepEqual(began, ['first', 'last']);
});

test('one that fails makes room for the next', async () => {
  const queue = new BuildQueue(1);

  await assert.rejects(
    queue.run(() => Promise.reject(new Error('broken')), never),
    /broken/,
  );

  assert.equal(await queue.run(async () => 'next', never), 'next');
});
