import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DispatchRecord } from '../contracts/dispatch.ts';
import { outNames } from '../contracts/names.ts';
import { acceptDispatch } from './accept.ts';
import { buildTask } from './build-task.ts';
import { cancelDispatch } from './cancel-dispatch.ts';
import { findGarbage } from './garbage.ts';
import { thisProcess } from './owner.ts';
import { requireRecord, writeRecord } from './records.ts';
import { settleDispatch } from './settle.ts';
import { type PlaceForTests, placeForTests } from './suite-place.ts';

const onProblem = () => undefined;
const gone = { ...thisProcess(), startTicks: '1' };

/** A dispatch whose process died, with its worker there. */
async function abandoned(place: PlaceForTests, fields: Partial<DispatchRecord> = {}): Promise<DispatchRecord> {
  const request = { subagent: 'echo', target: 'held', input: { word: 'hello' }, secrets: { KEY: { inline: 'value' } } };
  const accepted = await acceptDispatch(place, request, { actor: 'human:ada' });
  const { dispatchId, deploymentId } = accepted.record;
  const { resolved, agent } = accepted;
  const wish = { dispatchId, owner: { deploymentId }, agent, input: null, needs: [] };
  await place.compute.start(await buildTask(place, resolved, wish));
  const record: DispatchRecord = { ...accepted.record, owner: gone, ...fields };
  await writeRecord(place, record);
  return record;
}

test('a worker whose process died is collected by whoever looks, and by several at once the same', async (t) => {
  const place = await placeForTests(t);
  const record = await abandoned(place);
  place.compute.end(record.dispatchId, {}, { [outNames.patch]: 'diff' });

  const settled = await Promise.all([1, 2, 3].map(() => settleDispatch(place, record, { onProblem })));

  assert.deepEqual(new Set(settled.map(({ status }) => status)), new Set(['done']));
  const latest = await requireRecord(place, record.dispatchId);
  assert.deepEqual([latest.result?.durationMs, latest.result?.artifacts.length], [4, 1]);
  assert.equal(place.compute.tasks.size, 0);
  assert.deepEqual(await place.secretStore.list(), []);
});

test('one that still runs, that lives, or that belongs to a run is left alone', async (t) => {
  const place = await placeForTests(t);
  const running = await abandoned(place);
  const live = await abandoned(place, { owner: thisProcess() });
  const ofRun = await abandoned(place, { run: { runId: 'r' as never, itemId: 'i' as never, attempt: 1 } });
  place.compute.end(live.dispatchId);
  place.compute.end(ofRun.dispatchId);

  for (const record of [running, live, ofRun]) {
    assert.deepEqual(await settleDispatch(place, record, { onProblem }), record);
  }
  assert.equal(place.compute.tasks.size, 3);
});

test('a cancel stops the worker of a process that does not react', async (t) => {
  const place = await placeForTests(t);
  const record = await abandoned(place, { owner: thisProcess() });
  const handle = place.compute.tasks.get(record.dispatchId)?.handle;
  const problems: string[] = [];
  const options = { actor: 'human:mara', reactMs: 20, onProblem: (line: string) => problems.push(line) };

  const cancelling = cancelDispatch(place, record.dispatchId, options);
  assert.ok(handle);
  const exit = await place.compute.wait(handle, AbortSignal.timeout(10_000));
  await writeRecord(place, { ...record, owner: gone });

  assert.equal(exit.kind, 'exited');
  const cancelled = await cancelling;
  assert.deepEqual([cancelled.kind, cancelled.record.status], ['cancelled', 'cancelled']);
  assert.match(problems.join(), /^Stopping the worker of dispatch ".*"; process \d+ on .* has to record the end$/);
});

test('one of which nothing is left is lost, and says so', async (t) => {
  const place = await placeForTests(t);
  const record = await abandoned(place);
  place.compute.tasks.clear();

  const settled = await settleDispatch(place, record, { onProblem });

  assert.deepEqual([settled.status, settled.result?.code], ['failed', 'worker-lost']);
});

test('garbage is what nobody works on: workers, records whose time is over, secrets that nothing needs', async (t) => {
  const place = await placeForTests(t);
  const lost = await abandoned(place);
  const live = await abandoned(place, { owner: thisProcess() });
  const ended = await abandoned(place, { status: 'done', endedAt: new Date().toISOString() });
  const expired = await abandoned(place, { status: 'failed', expiresAt: '2020-01-01T00:00:00.000Z' });
  await place.secretStore.stage({ name: 'other.KEY', value: 'of an env' });
  place.compute.end(lost.dispatchId);

  const garbage = await findGarbage(place, { hasOpenRuns: false, now: Date.now(), onProblem });

  assert.deepEqual(
    new Set(garbage.map(({ what }) => what)),
    new Set([
      `dispatch ${lost.dispatchId}, whose process is gone`,
      `worker ${ended.dispatchId}`,
      `worker ${expired.dispatchId}`,
      `record ${expired.dispatchId}`,
      `secret dispatch ${ended.dispatchId} KEY`,
      `secret dispatch ${expired.dispatchId} KEY`,
    ]),
  );
  for (const { clear } of garbage) await clear();
  assert.deepEqual([...place.compute.tasks.keys()], [live.dispatchId]);
  assert.deepEqual(await findGarbage(place, { hasOpenRuns: false, now: Date.now(), onProblem }), []);
});

test('a staged secret of an env that none refers to goes after a day, unless a run may still need it', async (t) => {
  const place = await placeForTests(t);
  await place.secretStore.stage({ name: 'old.KEY', value: 'of an env' });
  const now = Date.now() + 25 * 3_600_000;

  const kept = await findGarbage(place, { hasOpenRuns: true, now, onProblem });
  const found = await findGarbage(place, { hasOpenRuns: false, now, onProblem });

  assert.deepEqual(kept, []);
  assert.deepEqual(
    found.map(({ what }) => what),
    ['secret old.KEY'],
  );
});

test('a record that cannot be read protects what belongs to it', async (t) => {
  const place = await placeForTests(t);
  const { dispatchId } = await abandoned(place, { status: 'done' });
  await place.storage.putName({ namespace: 'default', type: 'dispatch', name: dispatchId }, '{"format":"newer"}');

  assert.deepEqual(await findGarbage(place, { hasOpenRuns: false, now: Date.now(), onProblem }), []);
});
