import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import type { DispatchEvent } from '../contracts/dispatch.ts';
import { AppError } from '../contracts/errors.ts';
import type { DispatchId } from '../contracts/ids.ts';
import { outNames } from '../contracts/names.ts';
import { acceptDispatch, type DispatchRequest } from './accept.ts';
import { cancelDispatch } from './cancel-dispatch.ts';
import { type ExecuteOptions, executeDispatch } from './execute.ts';
import { requireRecord } from './records.ts';
import { type PlaceForTests, placeForTests } from './suite-place.ts';

const work: DispatchRequest = { subagent: 'echo', target: 'held', input: { word: 'hello' } };

/** Accepts and executes; `events` fills while it goes on. */
async function executed(place: PlaceForTests, options: Partial<ExecuteOptions> = {}, request = work) {
  const accepted = await acceptDispatch(place, request, { actor: 'human:ada' });
  const { dispatchId } = accepted.record;
  const events: DispatchEvent['kind'][] = [];
  const problems: string[] = [];
  const onEvent = ({ kind }: DispatchEvent) => events.push(kind);
  const onProblem = (line: string) => problems.push(line);
  const ended = executeDispatch(place, accepted, { onEvent, onProblem, ...options });
  return { dispatchId, events, problems, ended };
}

async function started(place: PlaceForTests, dispatchId: DispatchId): Promise<void> {
  await waitUntil('its start', () => place.compute.tasks.has(dispatchId));
}

test('a dispatch is recorded from its acceptance on, tells its life in order and leaves no worker', async (t) => {
  const place = await placeForTests(t);
  const { dispatchId, events, ended } = await executed(place);
  await started(place, dispatchId);
  await waitUntil('the record', async () => (await requireRecord(place, dispatchId)).status === 'running');

  place.compute.end(dispatchId, {}, { [outNames.patch]: 'diff' });

  const { record } = await ended;
  assert.deepEqual(events, ['dispatch.accepted', 'dispatch.started', 'dispatch.finished']);
  assert.deepEqual(await requireRecord(place, dispatchId), record);
  assert.deepEqual([record.status, record.result?.artifacts[0]?.port], ['done', 'patch']);
  assert.equal(place.compute.tasks.size, 0);
});

test('whoever is told of a start finds it recorded', async (t) => {
  const place = await placeForTests(t);
  const statuses: Promise<string>[] = [];
  const onEvent = ({ dispatchId }: DispatchEvent) =>
    void statuses.push(requireRecord(place, dispatchId).then(({ status }) => status));
  const { dispatchId, ended } = await executed(place, { onEvent });
  await waitUntil('its start', () => statuses.length === 2);
  await Promise.all(statuses);
  place.compute.end(dispatchId);
  await ended;

  assert.deepEqual(await Promise.all(statuses), ['accepted', 'running', 'done']);
});

test('a secret given itself reaches the task alone and is gone at the end', async (t) => {
  const place = await placeForTests(t);
  const secrets = { KEY: { inline: 'a-secret-value' } };
  const { dispatchId, ended } = await executed(place, {}, { ...work, secrets, variables: { KEY: 'plain', B: 'b' } });
  await started(place, dispatchId);
  const task = place.compute.tasks.get(dispatchId)?.task;

  place.compute.end(dispatchId);

  const { record } = await ended;
  assert.deepEqual(task?.secrets, { KEY: 'a-secret-value' });
  assert.deepEqual(task?.spec.env, { B: 'b' });
  assert.equal(JSON.stringify(record).includes('a-secret-value'), false);
  assert.deepEqual(await place.secretStore.list(), []);
});

test('a cancel from anywhere stops it and is told with who asked', async (t) => {
  const place = await placeForTests(t);
  const { dispatchId, events, ended } = await executed(place);
  await started(place, dispatchId);

  const cancelled = await cancelDispatch(place, dispatchId, { actor: 'human:mara', onProblem: () => undefined });

  await ended;
  assert.deepEqual([cancelled.kind, cancelled.record.status], ['cancelled', 'cancelled']);
  assert.equal(cancelled.record.cancel?.actor, 'human:mara');
  assert.deepEqual(events.at(-1), 'dispatch.cancelled');
  assert.deepEqual(await place.storage.listNames('default', 'dispatch-cancel'), []);
});

test('its own signal cancels it, also before its worker started', async (t) => {
  const place = await placeForTests(t);

  const { ended, events } = await executed(place, { signal: AbortSignal.abort() });

  const { record } = await ended;
  assert.deepEqual([record.status, record.cancel?.actor], ['cancelled', 'human:ada']);
  assert.deepEqual(events, ['dispatch.accepted', 'dispatch.cancelled']);
});

test('a question waits, with its secrets kept for the answer', async (t) => {
  const place = await placeForTests(t);
  const secrets = { KEY: { inline: 'a-secret-value' } };
  const { dispatchId, events, ended } = await executed(place, {}, { ...work, secrets });
  await started(place, dispatchId);

  place.compute.end(dispatchId, { outcome: 'needs-input' }, { [outNames.question]: '{"question":"Which?"}' });

  const { record } = await ended;
  assert.equal(record.status, 'waiting');
  assert.deepEqual(record.result?.question, { question: 'Which?' });
  assert.deepEqual(events.at(-1), 'dispatch.needs_input');
  assert.equal((await place.secretStore.list()).length, 1);
});

test('a worker that claims to ask and left no question fails', async (t) => {
  const place = await placeForTests(t);
  const { dispatchId, ended } = await executed(place);
  await started(place, dispatchId);

  place.compute.end(dispatchId, { outcome: 'needs-input' }, { [outNames.question]: '{"question":7}' });

  const { record } = await ended;
  assert.deepEqual([record.status, record.result?.code], ['failed', 'bad-question']);
});

test('a provider that refuses the task fails the dispatch with its words and the next step', async (t) => {
  const place = await placeForTests(t);
  place.compute.startError = new AppError('no-compute', 'Cannot run here: no sandbox', { next: 'Install one.' });

  const { ended } = await executed(place);

  const { record } = await ended;
  assert.equal(record.result?.code, 'refused');
  assert.equal(record.result?.message, 'Cannot run here: no sandbox; next: Install one.');
});

test('a worker that cannot be removed is told and left to gc; the result counts', async (t) => {
  const place = await placeForTests(t);
  place.compute.remove = async () => {
    throw new AppError('task-conflict', 'Cannot remove: it is in use');
  };
  const { dispatchId, problems, ended } = await executed(place);
  await started(place, dispatchId);

  place.compute.end(dispatchId);

  assert.equal((await ended).record.status, 'done');
  assert.match(problems.join(), /Cannot remove the worker .*it is in use\n {2}next: agora gc/);
});
