import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { sleep, waitUntil, withDeadline } from './deadline.ts';

test('a deadline aborts by itself', async () => {
  await assert.rejects(sleep(60_000, withDeadline(1)), { name: 'TimeoutError' });
});

test('a deadline aborts with the signal it was given', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const waiting = sleep(60_000, withDeadline(60_000, controller.signal));

  controller.abort(reason);

  await assert.rejects(waiting, (error) => error === reason);
});

test('waiting returns what the condition gave', async () => {
  let looks = 0;
  const found = await waitUntil('a third look', () => (++looks === 3 ? 'there' : undefined), { intervalMs: 1 });

  assert.equal(found, 'there');
});

test('waiting for what never comes says what was waited for', async () => {
  const waiting = waitUntil('a miracle', () => false, { timeoutMs: 1, intervalMs: 1 });

  await assert.rejects(waiting, (error) => isAppError(error, 'not-ready') && /a miracle/.test(error.message));
});
