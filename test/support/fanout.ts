import assert from 'node:assert/strict';
import { type StatusRecord, statusRecordSchema } from '../../src/contracts/status.ts';

/** The tutorial's plan, field for field. */
export const fanoutPlan = {
  id: 'fanout-1',
  queue: 'default',
  items: [
    edit('edit-alpha', 'alpha.ts'),
    edit('edit-beta', 'beta.ts'),
    edit('edit-shared', 'shared.ts'),
    {
      id: 'verify',
      executor: 'dispatch',
      inputs: { subagent: 'verify' },
      depends_on: ['edit-alpha', 'edit-beta', 'edit-shared'],
      resourceLocks: [],
    },
  ],
};

function edit(id: string, file: string) {
  return {
    id,
    executor: 'dispatch',
    inputs: { subagent: 'code-edit', workerInput: { file } },
    depends_on: [],
    resourceLocks: [`fixture/${file}`],
  };
}

export const fanoutIds = fanoutPlan.items.map((item) => item.id);
export const editIds = fanoutIds.slice(0, 3);

/** Lines of `agora orch watch`, each of the published form and nothing else. */
export function watchLines(stdout: string): StatusRecord[] {
  assert.ok(stdout.endsWith('\n'), 'the last line is whole');
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => statusRecordSchema.parse(JSON.parse(line)));
}

/** Asserts what the tutorial says its watcher sees. */
export function assertFanout(records: readonly StatusRecord[], runId = 'fanout-1'): void {
  for (const record of records) {
    assert.equal(record.runId, runId);
    assert.equal(record.partial, undefined);
    assert.deepEqual(ids(record), fanoutIds, 'each line holds the whole run');
    const done = editIds.filter((id) => statusOf(record, id) === 'done');
    const running = fanoutIds.filter((id) => statusOf(record, id) === 'running');
    assert.ok(running.length <= 2, `two at a time, not ${running.join(', ')}`);
    if (done.length < 3) assert.equal(viewOf(record, 'verify').attempt, 0, 'verify waits for every edit');
    assert.deepEqual(
      record.items.filter((item) => item.resultRef !== undefined).map((item) => item.id),
      done,
      'an edit has its ref from the moment it is done',
    );
  }
  const times = records.map((record) => Date.parse(record.at));
  assert.deepEqual(
    times,
    times.toSorted((left, right) => left - right),
  );
  assert.ok(records.some((record) => record.items.filter((item) => item.status === 'running').length === 2));
  const waiting = records.find((record) => statusOf(record, 'edit-shared') === 'ready');
  assert.ok(waiting, 'the third edit waits for a slot');
  const last = records.at(-1);
  assert.equal(last?.status, 'done');
  assert.deepEqual(
    last.items.map((item) => item.status),
    ['done', 'done', 'done', 'done'],
  );
}

function ids(record: StatusRecord): string[] {
  return record.items.map((item) => item.id);
}

function viewOf(record: StatusRecord, id: string) {
  const view = record.items.find((item) => item.id === id);
  assert.ok(view, id);
  return view;
}

function statusOf(record: StatusRecord, id: string) {
  return viewOf(record, id).status;
}
