import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anAnsweredRun, aPart, aRun, RunWriter, refOf, type SampleItem, type SampleRun } from '../sample-run.suite.ts';
import { readPlan } from './plan.ts';
import { auditRecord } from './record.ts';
import { type Replay, replay } from './replay.ts';

function replayed(run: SampleRun): Replay {
  const records = run.recordTexts.map((text, index) => auditRecord(JSON.parse(text), `record ${index}`));
  return replay(readPlan(run.planText), records);
}

const items: readonly SampleItem[] = [{ id: 'edit' }, { id: 'verify', depends_on: ['edit'] }];
const dueAt = '2026-11-21T10:00:01.000Z';

function aRetry(attempt: number) {
  return { kind: 'item.retried', item: 'edit', attempt, body: { dueAt, because: 'exit-nonzero' } } as const;
}

test('a run of done items has their last attempts and patches', () => {
  const { items: found, outcome, artifacts } = replayed(aRun());

  assert.equal(outcome, 'done');
  assert.deepEqual(found, [
    { id: 'alpha', status: 'done', attempt: 1, resultRef: refOf('alpha', 1) },
    { id: 'beta', status: 'done', attempt: 1, resultRef: refOf('beta', 1) },
    { id: 'verify', status: 'done', attempt: 1, resultRef: refOf('verify', 1) },
  ]);
  assert.deepEqual(
    artifacts.map(({ item, attempt, port }) => [item, attempt, port]),
    [
      ['beta', 1, 'patch'],
      ['alpha', 1, 'patch'],
      ['verify', 1, 'patch'],
    ],
  );
});

test('an item that failed once and then succeeded is done at its second attempt', () => {
  const run = new RunWriter([{ id: 'edit' }])
    .fire('edit')
    .failed('edit')
    .append(aRetry(1))
    .fire('edit', 2)
    .done('edit', 2)
    .close('done', { done: 1 });

  assert.deepEqual(replayed(run).items, [{ id: 'edit', status: 'done', attempt: 2, resultRef: refOf('edit', 2) }]);
});

test('failed, skipped and cancelled items say why', () => {
  const run = new RunWriter([...items, { id: 'publish', depends_on: ['verify'] }, { id: 'other' }])
    .fire('edit')
    .failed('edit')
    .append({ kind: 'item.skipped', item: 'verify', body: { because: 'edit' } })
    .append({ kind: 'item.skipped', item: 'publish', body: { because: 'verify' } })
    .append({ kind: 'run.cancelled', body: { actor: 'mara' } })
    .append({ kind: 'item.cancelled', item: 'other', body: { actor: 'mara' } })
    .close('cancelled', { failed: 1, skipped: 2, cancelled: 1 });

  assert.deepEqual(replayed(run).items, [
    { id: 'edit', status: 'failed', attempt: 1, reason: 'exit-nonzero: exited with 1' },
    { id: 'verify', status: 'skipped', attempt: 0, reason: 'item "edit" is failed' },
    { id: 'publish', status: 'skipped', attempt: 0, reason: 'item "verify" is skipped' },
    { id: 'other', status: 'cancelled', attempt: 0, reason: 'cancelled by mara' },
  ]);
});

test('a running item may be cancelled before or after its worker has ended', () => {
  const stopped = { outcome: 'stopped', durationMs: 5, artifacts: [] } as const;
  const result = { kind: 'item.result', item: 'edit', attempt: 1, body: stopped } as const;
  const cancelled = { kind: 'item.cancelled', item: 'edit', attempt: 1, body: {} } as const;

  for (const ending of [[result, cancelled], [cancelled, result], [cancelled]]) {
    const writer = new RunWriter([{ id: 'edit' }]).fire('edit');
    for (const draft of ending) writer.append(draft);
    assert.equal(replayed(writer.close('cancelled', { cancelled: 1 })).items[0]?.status, 'cancelled');
  }
});

test('an item that runs after failure starts when its dependencies have ended in any way', () => {
  const run = new RunWriter([{ id: 'edit' }, { id: 'clean', depends_on: ['edit'], onFailure: 'run' }])
    .fire('edit')
    .failed('edit')
    .fire('clean')
    .done('clean')
    .close('failed', { failed: 1, done: 1 });

  assert.equal(replayed(run).outcome, 'failed');
});

test('an item that asked goes on with its answer, also when it is tried again', () => {
  const { items: found, artifacts, resumed } = replayed(anAnsweredRun());

  assert.deepEqual(found, [{ id: 'edit', status: 'done', attempt: 3, resultRef: refOf('edit', 3) }]);
  assert.deepEqual(
    artifacts.map(({ attempt, port }) => `${attempt} ${port}`),
    ['1 patch', '1 question', '1 session', '1 answer', '3 patch'],
  );
  assert.equal(resumed[0], undefined);
  assert.deepEqual(resumed[1], resumed[2]);
});

test('an item that waits for an answer may be cancelled', () => {
  const run = new RunWriter([{ id: 'edit' }])
    .fire('edit')
    .asks('edit')
    .append({ kind: 'item.cancelled', item: 'edit', attempt: 1, body: {} })
    .close('cancelled', { cancelled: 1 });

  assert.equal(replayed(run).items[0]?.status, 'cancelled');
});

const shellNote = {
  port: 'shell',
  path: 'one',
  ref: refOf('edit', 9),
  sizeBytes: 1,
  mediaType: 'application/json',
} as const;

test('a result is human-touched when its attempt was, or the one it goes on from; a fresh retry is not', () => {
  const touched = { durationMs: 1, humanTouched: true } as const;
  const asked = new RunWriter([{ id: 'edit' }]).fire('edit').append({
    kind: 'item.result',
    item: 'edit',
    attempt: 1,
    body: { ...touched, outcome: 'needs-input', artifacts: [aPart('question', 'edit', 1), shellNote] },
  });
  const carried = asked.answered('edit').fire('edit', 2).done('edit', 2).close('done', { done: 1 });
  const fresh = new RunWriter([{ id: 'edit' }])
    .fire('edit')
    .append({
      kind: 'item.result',
      item: 'edit',
      attempt: 1,
      body: { ...touched, outcome: 'failed', artifacts: [shellNote] },
    })
    .append(aRetry(1))
    .fire('edit', 2)
    .done('edit', 2)
    .close('done', { done: 1 });

  assert.equal(replayed(carried).items[0]?.humanTouched, true);
  assert.equal(replayed(fresh).items[0]?.humanTouched, undefined);
});

const impossible: Readonly<Record<string, () => SampleRun>> = {
  'nothing happened': () => new RunWriter(items).finish(),
  'the run was not closed': () => new RunWriter(items).fire('edit').done('edit').finish(),
  'a record follows run.closed': () =>
    new RunWriter([{ id: 'edit' }])
      .fire('edit')
      .done('edit')
      .append({ kind: 'run.closed', body: { outcome: 'done', counts: { done: 1 } } })
      .append({ kind: 'audit.gap', body: { reason: 'late' } })
      .finish(),
  'an item is not of the plan': () => new RunWriter(items).fire('other').finish(),
  'a result came without a start': () => new RunWriter(items).done('edit').finish(),
  'a result came twice': () => new RunWriter(items).fire('edit').done('edit').done('edit').finish(),
  'a result is of another attempt': () => new RunWriter(items).fire('edit').done('edit', 2).finish(),
  'two attempts ran at once': () => new RunWriter(items).fire('edit').fire('edit', 2).finish(),
  'attempt numbers did not grow': () =>
    new RunWriter(items).fire('edit', 2).failed('edit', 2).append(aRetry(2)).fire('edit', 1).finish(),
  'an item started before its dependency was done': () => new RunWriter(items).fire('edit').fire('verify').finish(),
  'an item started after its dependency failed': () =>
    new RunWriter(items).fire('edit').failed('edit').fire('verify').finish(),
  'a done item was retried': () => new RunWriter(items).fire('edit').done('edit').append(aRetry(1)).finish(),
  'a failed item started again without a retry': () =>
    new RunWriter(items).fire('edit').failed('edit').fire('edit', 2).finish(),
  'an item was skipped without a reason': () =>
    new RunWriter(items).append({ kind: 'item.skipped', item: 'verify', body: { because: 'edit' } }).finish(),
  'an item was retried after another was skipped for it': () =>
    new RunWriter(items)
      .fire('edit')
      .failed('edit')
      .append({ kind: 'item.skipped', item: 'verify', body: { because: 'edit' } })
      .append(aRetry(1))
      .finish(),
  'an item waits without a question': () =>
    new RunWriter(items)
      .fire('edit')
      .append({
        kind: 'item.result',
        item: 'edit',
        attempt: 1,
        body: { outcome: 'needs-input', durationMs: 1, artifacts: [] },
      })
      .finish(),
  'an item that waits started without an answer': () =>
    new RunWriter(items).fire('edit').asks('edit').fire('edit', 2).finish(),
  'an item that did not ask was answered': () => new RunWriter(items).fire('edit').answered('edit').finish(),
  'an item was answered twice': () =>
    new RunWriter(items).fire('edit').asks('edit').answered('edit').answered('edit').finish(),
  'another attempt was answered': () =>
    new RunWriter(items)
      .fire('edit')
      .asks('edit')
      .answered('edit')
      .resume('edit', 2)
      .asks('edit', 2)
      .answered('edit', 1)
      .finish(),
  'a waiting item was retried': () => new RunWriter(items).fire('edit').asks('edit').append(aRetry(1)).finish(),
  'the run was closed while an item waits': () =>
    new RunWriter([{ id: 'edit' }]).fire('edit').asks('edit').close('done', { waiting: 1 }),
  'an item of a cancelled run started': () =>
    new RunWriter(items)
      .append({ kind: 'run.cancelled', body: { actor: 'mara' } })
      .fire('edit')
      .finish(),
  'a patch was handed on that nobody made': () =>
    new RunWriter(items)
      .fire('edit')
      .done('edit')
      .fire('verify', 1, [{ item: 'edit', ref: refOf('edit', 2) }])
      .finish(),
  'the run was closed while an item ran': () => new RunWriter([{ id: 'edit' }]).fire('edit').close('done', { done: 1 }),
  'the counts are wrong': () => new RunWriter([{ id: 'edit' }]).fire('edit').done('edit').close('done', { done: 2 }),
  'the outcome is better than the items': () =>
    new RunWriter([{ id: 'edit' }]).fire('edit').failed('edit').close('done', { failed: 1 }),
  'nothing was cancelled in a cancelled run': () =>
    new RunWriter([{ id: 'edit' }]).fire('edit').failed('edit').close('cancelled', { failed: 1 }),
};

for (const [name, run] of Object.entries(impossible)) {
  test(`records in which ${name} are refused`, () => {
    const written = run();

    assert.throws(() => replayed(written), { name: 'Refusal' });
  });
}
