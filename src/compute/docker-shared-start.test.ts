import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedStarts } from './docker-shared-start.ts';

/** A start that ends when told to, or cleans up when it is given up. */
function aStart() {
  const { promise, resolve } = Promise.withResolvers<string>();
  const calls: AbortSignal[] = [];
  const start = async (signal: AbortSignal): Promise<string> => {
    calls.push(signal);
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => setImmediate(() => reject(signal.reason)));
    });
    return Promise.race([promise, aborted]);
  };
  return { start, resolve, calls };
}

test('a second caller of a start is not ended by the first one, who gives up', async () => {
  const starts = new SharedStarts<string, string>();
  const { start, resolve, calls } = aStart();
  const [first, second] = [new AbortController(), new AbortController()];

  const firstResult = starts.run('d', first.signal, start);
  const secondResult = starts.run('d', second.signal, start);
  first.abort(new Error('first'));
  await assert.rejects(firstResult, /first/);
  resolve('started');

  assert.equal(await secondResult, 'started');
  assert.equal(calls.length, 1);
});

test('the signal of a second caller ends its wait, and only that', async () => {
  const starts = new SharedStarts<string, string>();
  const { start, resolve } = aStart();
  const second = new AbortController();

  const firstResult = starts.run('d', new AbortController().signal, start);
  const secondResult = starts.run('d', second.signal, start);
  second.abort(new Error('second'));
  await assert.rejects(secondResult, /second/);
  resolve('started');

  assert.equal(await firstResult, 'started');
});

test('a start that all callers gave up is aborted, and a later caller starts anew after it', async () => {
  const starts = new SharedStarts<string, string>();
  const { start, resolve, calls } = aStart();
  const callers = [new AbortController(), new AbortController()];

  const given = callers.map(({ signal }) => starts.run('d', signal, start));
  for (const caller of callers) caller.abort(new Error('enough'));
  const later = starts.run('d', new AbortController().signal, start);
  for (const result of given) await assert.rejects(result, /enough/);
  resolve('started');

  assert.equal(await later, 'started');
  assert.deepEqual(
    calls.map(({ aborted }) => aborted),
    [true, false],
  );
});
