import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mostReadAtOnce } from '../../test/support/most-at-once.ts';
import { waitUntil } from '../base/deadline.ts';
import type { DispatchEvent } from '../contracts/dispatch.ts';
import { outNames } from '../contracts/names.ts';
import { acceptDispatch } from '../dispatch/accept.ts';
import { writeRecord } from '../dispatch/records.ts';
import { placeForTests } from '../dispatch/suite-place.ts';
import { clientDispatch } from './dispatch.ts';

const work = { subagent: 'echo', target: 'held', input: { word: 'hello' } };

test('listeners that fail, at once or later, are told of and end nothing', async (t) => {
  const place = await placeForTests(t);
  const problems: string[] = [];
  const onClientEvent = () => {
    throw new Error('at once');
  };
  const dispatch = clientDispatch(place, onClientEvent);
  const onEvent = async () => {
    throw new Error('later');
  };

  const flight = await dispatch.fire(work, { onEvent, onProblem: (line) => problems.push(line) });
  await waitUntil('its start', () => place.compute.tasks.has(flight.dispatchId));
  place.compute.end(flight.dispatchId);
  const report = await flight.exit;

  assert.equal(report.status, 'done');
  await waitUntil('all of them', () => problems.length === 6);
  assert.match(problems.join('\n'), /failed at dispatch\.accepted: at once/);
  assert.match(problems.join('\n'), /failed at dispatch\.finished: later/);
});

test('every reader of the events gets all of them, also one that comes late', async (t) => {
  const place = await placeForTests(t);
  const flight = await clientDispatch(place, () => undefined).fire(work);
  const early = kindsOf(flight.events);
  await waitUntil('its start', () => place.compute.tasks.has(flight.dispatchId));
  place.compute.end(flight.dispatchId);
  await flight.exit;

  const late = kindsOf(flight.events);

  const kinds = ['dispatch.accepted', 'dispatch.started', 'dispatch.finished'];
  assert.deepEqual(await Promise.all([early, late]), [kinds, kinds]);
});

test('what is no work at all is refused as such', async (t) => {
  const place = await placeForTests(t);
  const dispatch = clientDispatch(place, () => undefined);
  const endless: Record<string, unknown> = { word: 'a' };
  endless['itself'] = endless;

  for (const [given, message] of [
    [undefined, /there is no work/],
    [{ ...work, input: endless }, /input must be JSON of well-formed text, not nested/],
    [{ ...work, timeoutSecs: 1 }, /timeoutSecs unknown key \(did you mean "timeoutSeconds"\?\)/],
    [{ ...work, secrets: { 'A B': { inline: 'a-secret-value' } } }, /secrets\.A B must be a variable name/],
  ] as const) {
    await assert.rejects(dispatch(given as never), { code: 'invalid-input', message });
  }
  assert.deepEqual(await dispatch.list(), []);
});

test('an answer that looks like a credential is refused with its place, and the question waits on', async (t) => {
  const place = await placeForTests(t);
  const dispatch = clientDispatch(place, () => undefined);
  const { dispatchId, exit } = await dispatch.fire(work);
  await waitUntil('its start', () => place.compute.tasks.has(dispatchId));
  place.compute.end(dispatchId, { outcome: 'needs-input' }, { [outNames.question]: '{"question":"Which key?"}' });
  await exit;

  await assert.rejects(dispatch.answer(dispatchId, { keys: [`AKIA${'IOSFODNN7ABCDEFG'}`] }), {
    code: 'refused',
    message: 'Cannot answer: the answer.keys[0] looks like an AWS access key id',
  });
  const { status, answeredBy } = await dispatch.describe(dispatchId);
  assert.deepEqual([status, answeredBy], ['waiting', undefined]);
});

test('many dispatches are read several at once and listed in their order', async (t) => {
  const place = await placeForTests(t);
  const ids = [...'abcdefghijklmnopqrst'].map((last) => `d-${last.padStart(26, 'a')}`);
  const acceptedAt = new Date().toISOString();
  for (const dispatchId of ids) {
    const { record } = await acceptDispatch(place, work, { actor: 'human:ada', dispatchId });
    await writeRecord(place, { ...record, acceptedAt });
  }
  const most = mostReadAtOnce(place.storage);

  const listed = await clientDispatch(place, () => undefined).list();

  assert.deepEqual(
    listed.map(({ dispatchId }) => dispatchId),
    ids,
  );
  assert.equal(most(), 16);
});

async function kindsOf(events: AsyncIterable<DispatchEvent>): Promise<string[]> {
  const kinds: string[] = [];
  for await (const { kind } of events) kinds.push(kind);
  return kinds;
}
