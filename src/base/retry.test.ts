import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retry, retryDelayMs } from './retry.ts';

function failing(times: number): {
  readonly calls: number[];
  readonly operation: (attempt: number) => Promise<string>;
} {
  const calls: number[] = [];
  const operation = async (attempt: number): Promise<string> => {
    calls.push(attempt);
    if (calls.length <= times) throw new Error(`failure ${calls.length}`);
    return 'done';
  };
  return { calls, operation };
}

test('an operation is called until it succeeds and is told the attempt', async () => {
  const { calls, operation } = failing(2);

  assert.equal(await retry(operation, { delayMs: 0 }), 'done');

  assert.deepEqual(calls, [1, 2, 3]);
});

test('the last error is thrown when the attempts are used up', async () => {
  const { calls, operation } = failing(9);

  await assert.rejects(retry(operation, { attempts: 3, delayMs: 0 }), /failure 3/);

  assert.equal(calls.length, 3);
});

test('an error that may not be retried is thrown at once', async () => {
  const { calls, operation } = failing(9);

  await assert.rejects(retry(operation, { isRetryable: () => false }), /failure 1/);

  assert.equal(calls.length, 1);
});

test('an abort ends the wait and gives its reason', async () => {
  const controller = new AbortController();
  const reason = new Error('shutting down');
  const operation = async (): Promise<never> => {
    setImmediate(() => controller.abort(reason));
    throw new Error('unreachable');
  };

  await assert.rejects(retry(operation, { delayMs: 60_000, signal: controller.signal }), (error) => error === reason);
});

test('an aborted signal calls nothing', async () => {
  const { calls, operation } = failing(0);

  await assert.rejects(retry(operation, { signal: AbortSignal.abort() }));

  assert.deepEqual(calls, []);
});

test('waits double up to the longest and jitter only shortens them', () => {
  const backoff = { delayMs: 100, maxDelayMs: 500, jitter: 0.5 };

  assert.deepEqual(
    [1, 2, 3, 4].map((attempt) => retryDelayMs(attempt, backoff, 0)),
    [100, 200, 400, 500],
  );
  assert.equal(retryDelayMs(2, backoff, 1), 100);
});
