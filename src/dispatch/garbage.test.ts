import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mostReadAtOnce } from '../../test/support/most-at-once.ts';
import type { DispatchRecord } from '../contracts/dispatch.ts';
import { acceptDispatch } from './accept.ts';
import { randomDispatchId } from './dispatch-id.ts';
import { findGarbage } from './garbage.ts';
import { listRecordIds, removeRecord, writeCancel, writeRecord } from './records.ts';
import { type PlaceForTests, placeForTests } from './suite-place.ts';

const hourMs = 3_600_000;
const work = { subagent: 'echo', target: 'held', input: { word: 'hello' } };

/** A dispatch with a secret of its own, in the state that is given. */
async function recorded(place: PlaceForTests, fields: Partial<DispatchRecord> = {}): Promise<DispatchRecord> {
  const request = { ...work, secrets: { KEY: { inline: 'a-value' } } };
  const { record } = await acceptDispatch(place, request, { actor: 'human:ada' });
  const changed = { ...record, endedAt: record.acceptedAt, ...fields };
  await writeRecord(place, changed);
  return changed;
}

async function garbage(place: PlaceForTests, now = Date.now()): Promise<string[]> {
  const found = await findGarbage(place, { hasOpenRuns: false, now, onProblem: () => undefined });
  return found.map(({ what }) => what);
}

test('what goes on or may be answered is left alone, with its secrets', async (t) => {
  const place = await placeForTests(t);
  await recorded(place);
  await recorded(place, { status: 'running' });
  await recorded(place, { status: 'waiting' });

  assert.deepEqual(await garbage(place), []);
  assert.equal((await place.secretStore.list()).length, 3);
});

test('a file that somebody else put beside the records is looked over', async (t) => {
  const place = await placeForTests(t);
  const { dispatchId } = await recorded(place, { status: 'done' });
  for (const type of ['dispatch', 'dispatch-cancel'] as const) {
    await place.storage.putName({ namespace: 'default', type, name: `${dispatchId}-conflicted.copy` }, '{}');
  }

  assert.deepEqual(await garbage(place), [`secret dispatch ${dispatchId} KEY`]);
  assert.deepEqual(await listRecordIds(place), [dispatchId]);
});

test('many records are looked through several at once', async (t) => {
  const place = await placeForTests(t);
  for (let count = 0; count < 5; count++) await recorded(place);
  const most = mostReadAtOnce(place.storage);

  assert.deepEqual(await garbage(place), []);

  assert.equal(most(), 5);
});

test('what a crash at the very end left of a dispatch goes: its secrets and the mark of a cancel', async (t) => {
  const place = await placeForTests(t);
  const { dispatchId } = await recorded(place, { status: 'done' });
  await writeCancel(place, dispatchId, { actor: 'human:ada', at: new Date().toISOString() });

  assert.deepEqual(await garbage(place), [`cancel mark ${dispatchId}`, `secret dispatch ${dispatchId} KEY`]);
});

test('a secret that was staged for a dispatch that never came is kept for an hour', async (t) => {
  const place = await placeForTests(t);
  const { dispatchId } = await recorded(place);
  await removeRecord(place, dispatchId);

  const soon = await garbage(place, Date.now() + 0.9 * hourMs);
  const later = await garbage(place, Date.now() + 1.1 * hourMs);

  assert.deepEqual([soon, later], [[], [`secret dispatch ${dispatchId} KEY`]]);
});

test('secrets outlive the record of the question they were first given for, as long as an answer goes on', async (t) => {
  const place = await placeForTests(t);
  const first = await recorded(place, { status: 'waiting' });
  const { record } = await acceptDispatch(place, { ...work, secrets: first.work.secrets }, { actor: 'human:ada' });
  await writeRecord(place, { ...first, answeredBy: record.dispatchId });
  const whileBoth = await garbage(place);
  await removeRecord(place, first.dispatchId);

  const whileOne = await garbage(place, Date.now() + 2 * hourMs);
  await writeRecord(place, { ...record, status: 'done', endedAt: record.acceptedAt });
  const afterwards = await garbage(place, Date.now() + 2 * hourMs);

  assert.deepEqual([whileBoth, whileOne, afterwards], [[], [], [`secret dispatch ${first.dispatchId} KEY`]]);
});

test('an answer that came while the records were read keeps the secrets', async (t) => {
  const place = await placeForTests(t);
  await recorded(place, { status: 'waiting', answeredBy: randomDispatchId() });

  assert.deepEqual(await garbage(place), []);
});

test('records go when their time is over, unless they are at work', async (t) => {
  const place = await placeForTests(t);
  const expiresAt = new Date(Date.now() - 1).toISOString();
  const running = await recorded(place, { status: 'running', expiresAt });
  const over = await recorded(place, { status: 'done', expiresAt });
  const found = await findGarbage(place, { hasOpenRuns: false, now: Date.now(), onProblem: () => undefined });

  for (const { clear } of found) assert.equal(await clear(), 'removed');

  assert.equal(found[0]?.what, `record ${over.dispatchId}`);
  assert.deepEqual(await place.storage.listNames(place.namespace, 'dispatch'), [running.dispatchId]);
});
