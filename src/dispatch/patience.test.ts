import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../contracts/errors.ts';
import { patiently } from './patience.ts';

const away = new AppError('unreachable', 'Cannot reach the storage: it is away');
const refused = new AppError('refused', 'Cannot write: it may not');

/** What is told of a wait whose tries end like that; a try without an error succeeds. */
async function toldOf(...endings: readonly (AppError | undefined)[]): Promise<(string | undefined)[]> {
  const told: (string | undefined)[] = [];
  const tries = endings[Symbol.iterator]();
  const attempt = async () => {
    const error = tries.next().value;
    if (error !== undefined) throw error;
  };
  const options = { signal: new AbortController().signal, maxDelayMs: 1, onWaiting: told.push.bind(told) };
  await patiently(attempt, options).catch((error: unknown) => assert.equal(error, refused));
  return told;
}

test('what keeps something waiting is told until it goes on, and until it fails', async () => {
  assert.deepEqual(await toldOf(undefined), []);
  assert.deepEqual(await toldOf(away, undefined), [away.message, undefined]);
  assert.deepEqual(await toldOf(away, refused), [away.message, undefined]);
});
