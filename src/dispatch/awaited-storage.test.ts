import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { FaultyStorage } from '../../test/support/faulty-storage.ts';
import { waitUntil } from '../base/deadline.ts';
import { digestOf } from '../base/hash.ts';
import { AppError } from '../contracts/errors.ts';
import { digestSchema } from '../contracts/ids.ts';
import { outNames } from '../contracts/names.ts';
import { acceptDispatch } from './accept.ts';
import { awaitedStorage } from './awaited-storage.ts';
import { executeDispatch } from './execute.ts';
import { placeForTests } from './suite-place.ts';

const storageWide = [
  new AppError('refused', 'Cannot store: the sign-in is over', { next: 'Sign in.' }),
  new AppError('not-found', 'Cannot store: there is no such bucket', { next: 'Make it.' }),
];

for (const failure of storageWide) {
  test(`a worker that ends while its storage says "${failure.code}" is collected once that is over`, async (t) => {
    const place = await placeForTests(t);
    const storage = new FaultyStorage(place.storage);
    const asked = { subagent: 'echo', target: 'held', input: { word: 'hello' } };
    const accepted = await acceptDispatch({ ...place, storage }, asked, { actor: 'human:ada' });
    const { dispatchId } = accepted.record;
    const problems: string[] = [];
    const onProblem = (line: string) => void problems.push(line);
    const ended = executeDispatch({ ...place, storage }, accepted, { onEvent: () => undefined, onProblem });
    await waitUntil('its start', () => place.compute.tasks.has(dispatchId));

    storage.failure = failure;
    place.compute.end(dispatchId, {}, { [outNames.patch]: 'diff' });
    await waitUntil('a failure to collect', () => storage.failed > 2 && problems.length > 0);
    storage.failure = undefined;

    const { record } = await ended;
    assert.deepEqual([record.status, record.result?.artifacts[0]?.port], ['done', 'patch']);
    assert.equal(problems[0], `${failure.message}; trying again\n  next: ${failure.next}`);
  });

  test(`a blob that cannot be read as the storage says "${failure.code}" is not taken for gone`, async (t) => {
    const faulty = new FaultyStorage((await placeForTests(t)).storage);
    const { digest } = await faulty.putBlob(Buffer.from('x'));
    const { message, next } = failure;

    faulty.failure = failure;

    await assert.rejects(buffer(awaitedStorage(faulty).getBlob(digest)), { code: 'unreachable', message, next });
    await assert.rejects(awaitedStorage(faulty).statBlob(digest), { code: 'unreachable', message, next });
  });
}

test('a blob that is gone is not waited for', async (t) => {
  const { storage } = await placeForTests(t);
  const digest = digestSchema.parse(digestOf('never stored'));

  await assert.rejects(buffer(awaitedStorage(storage).getBlob(digest)), { code: 'not-found' });
  assert.equal(await awaitedStorage(storage).statBlob(digest), undefined);
});
