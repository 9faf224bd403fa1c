import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptDispatch } from './accept.ts';
import { claimAnswer } from './answer-claim.ts';
import { randomDispatchId } from './dispatch-id.ts';
import { thisProcess } from './owner.ts';
import { writeRecord } from './records.ts';
import { type PlaceForTests, placeForTests } from './suite-place.ts';

async function waiting(place: PlaceForTests) {
  const request = { subagent: 'echo', target: 'held', input: { word: 'hello' } };
  const { record } = await acceptDispatch(place, request, { actor: 'human:ada' });
  const asked = { ...record, status: 'waiting' as const };
  await writeRecord(place, asked);
  return asked;
}

test('of many claims at once one gets the question, and giving it back lets another have it', async (t) => {
  const place = await placeForTests(t);
  const asked = await waiting(place);

  const claims = await Promise.all(Array.from({ length: 8 }, () => claimAnswer(place, asked, randomDispatchId())));

  const won = claims.filter((claim) => claim.kind === 'claimed');
  assert.equal(won.length, 1);
  if (won[0]?.kind === 'claimed') await won[0].release();
  assert.equal((await claimAnswer(place, asked, undefined)).kind, 'claimed');
});

test('a claim of a process that died counts only if something came of it', async (t) => {
  const place = await placeForTests(t);
  const asked = await waiting(place);
  const dead = { ...thisProcess(), startTicks: '1' };
  const claimed = (number: number, dispatchId: string) =>
    place.storage.createName(
      { namespace: 'default', type: 'dispatch-answer', name: `${asked.dispatchId}.${number}` },
      JSON.stringify({ owner: dead, dispatchId }),
    );

  await claimed(1, randomDispatchId());
  const second = await claimAnswer(place, asked, randomDispatchId());
  if (second.kind === 'claimed') await second.release();
  const { dispatchId } = await waiting(place);
  await claimed(2, dispatchId);
  const third = await claimAnswer(place, asked, randomDispatchId());

  assert.equal(second.kind, 'claimed');
  assert.deepEqual(third, { kind: 'taken', dispatchId });
});
