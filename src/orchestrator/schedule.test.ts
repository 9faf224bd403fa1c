import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aRun, doneOutcome, itemOf, origin, policy, Scheduler, statuses } from '../../test/support/board.ts';
import { artifactRefSchema } from '../contracts/ids.ts';
import { finishAttempt } from './attempt-end.ts';
import type { AttemptOutcome } from './executor.ts';
import { cancel, holdItem } from './schedule.ts';
import { newTurn } from './turn.ts';

const failedOutcome: AttemptOutcome = {
  outcome: 'failed',
  code: 'exit-nonzero',
  message: 'exit code 1',
  exitCode: 1,
  durationMs: 1,
  artifacts: [],
};

function fired(turn: { readonly fired: readonly { readonly node: { readonly id: string } }[] }): string[] {
  return turn.fired.map(({ node }) => node.id);
}

test('a queue runs as many items at once as its concurrency says, in the order of the plan', () => {
  const run = aRun({ items: [{ id: 'a' }, { id: 'b' }, { id: 'c' }] });
  const scheduler = new Scheduler({ default: 2 });

  const first = scheduler.admit(run);
  const second = scheduler.finish(itemOf(run, 'b'));

  assert.deepEqual(fired(first), ['a', 'b']);
  assert.deepEqual(fired(second), ['c']);
});

test('an item waits until every dependency is done, and starts in the very turn the last one is', () => {
  const run = aRun({ items: [{ id: 'a' }, { id: 'b' }, { id: 'join', depends_on: ['a', 'b'] }] });
  const scheduler = new Scheduler();

  scheduler.admit(run);
  const first = scheduler.finish(itemOf(run, 'a'));
  const second = scheduler.finish(itemOf(run, 'b'));

  assert.deepEqual(fired(first), []);
  assert.deepEqual(fired(second), ['join']);
});

test('two items that lock the same file never run together', () => {
  const run = aRun({
    items: [
      { id: 'a', resourceLocks: ['src/x.ts'] },
      { id: 'b', resourceLocks: ['src/*.ts'] },
      { id: 'c', resourceLocks: ['docs/x.md'] },
    ],
  });
  const scheduler = new Scheduler({ default: 10 });

  const first = scheduler.admit(run);
  const parked = itemOf(run, 'b').parkedOn;
  const second = scheduler.finish(itemOf(run, 'a'));

  assert.deepEqual(fired(first), ['a', 'c']);
  assert.equal(parked, 'src/x.ts');
  assert.deepEqual(fired(second), ['b']);
});

test('a lock key named twice by one item does not hold the item up', () => {
  const run = aRun({ items: [{ id: 'a', resourceLocks: ['x', 'x'] }] });

  assert.deepEqual(fired(new Scheduler().admit(run)), ['a']);
});

test('what depends on a failed item is skipped at once, however deep', () => {
  const items = [
    { id: 'i0' },
    ...Array.from({ length: 5_000 }, (_, index) => ({ id: `i${index + 1}`, depends_on: [`i${index}`] })),
  ];
  const run = aRun({ items });
  const scheduler = new Scheduler();

  scheduler.admit(run);
  scheduler.finish(itemOf(run, 'i0'), failedOutcome);

  assert.equal(run.status, 'failed');
  assert.equal(itemOf(run, 'i5000').status, 'skipped');
  assert.equal(itemOf(run, 'i5000').reason, 'item "i4999" is skipped');
});

test('an item with onFailure "run" runs although its dependency failed', () => {
  const run = aRun({ items: [{ id: 'a' }, { id: 'cleanup', depends_on: ['a'], onFailure: 'run' }] });
  const scheduler = new Scheduler();

  scheduler.admit(run);
  const turn = scheduler.finish(itemOf(run, 'a'), failedOutcome);

  assert.deepEqual(fired(turn), ['cleanup']);
});

test('a failed item is tried again after its delay, and its attempts are counted', () => {
  const run = aRun({ items: [{ id: 'a', retry: { attempts: 2, delaySeconds: 10 } }] });
  const scheduler = new Scheduler();

  scheduler.admit(run);
  const failed = scheduler.finish(itemOf(run, 'a'), failedOutcome);
  scheduler.nowMs = 20_000;
  const again = scheduler.turn();
  scheduler.finish(itemOf(run, 'a'), failedOutcome);

  assert.deepEqual(fired(failed), []);
  assert.deepEqual(fired(again), ['a']);
  assert.deepEqual(statuses(run), { a: 'failed' });
  assert.equal(itemOf(run, 'a').attempt, 2);
});

test('a lost worker is tried three times by default, and an interrupted one for ever', () => {
  const run = aRun({ items: [{ id: 'a', retry: { delaySeconds: 0 } }] });
  const scheduler = new Scheduler();
  const node = itemOf(run, 'a');
  scheduler.admit(run);

  for (let count = 0; count < 5; count++) {
    scheduler.finish(node, { outcome: 'stopped', code: 'interrupted', durationMs: 1, artifacts: [] });
    scheduler.turn();
  }
  const attempts: number[] = [];
  while (node.status === 'running') {
    attempts.push(node.attempt);
    scheduler.finish(node, { outcome: 'lost', code: 'worker-lost', durationMs: 1, artifacts: [] });
    scheduler.turn();
  }

  assert.deepEqual(attempts, [6, 7, 8]);
  assert.equal(node.status, 'failed');
});

test('a result of an older attempt is kept as evidence and refused as a result', () => {
  const run = aRun({ items: [{ id: 'a', retry: { delaySeconds: 0 } }] });
  const scheduler = new Scheduler();
  const node = itemOf(run, 'a');
  scheduler.admit(run);
  scheduler.finish(node, { outcome: 'lost', code: 'worker-lost', durationMs: 1, artifacts: [] });
  scheduler.turn();

  const before = scheduler.records.length;
  scheduler.turn((turn) =>
    finishAttempt(scheduler.board, turn, { node, attempt: node.attempt - 1, outcome: doneOutcome }, policy),
  );

  assert.equal(node.status, 'running');
  assert.match(scheduler.records[before] ?? '', /"reason":"late-result"/);
});

test('cancelling a run cancels what waits, stops what runs, and keeps what is done', () => {
  const run = aRun({ items: [{ id: 'a' }, { id: 'b' }, { id: 'c', depends_on: ['b'] }] });
  const scheduler = new Scheduler({ default: 2 });
  scheduler.admit(run);
  scheduler.finish(itemOf(run, 'a'));

  const turn = scheduler.turn((cancelling) => cancel(scheduler.board, cancelling, { run, actor: 'human:test' }));
  const whileStopping = statuses(run);
  scheduler.finish(itemOf(run, 'b'), { outcome: 'stopped', durationMs: 1, artifacts: [] });

  assert.deepEqual(
    [...turn.stopping].map((node) => node.id),
    ['b'],
  );
  assert.deepEqual(whileStopping, { a: 'done', b: 'running', c: 'cancelled' });
  assert.deepEqual(statuses(run), { a: 'done', b: 'cancelled', c: 'cancelled' });
  assert.equal(run.status, 'cancelled');
});

test('higher priority goes first, then the run with fewer items running, then the older run', () => {
  const items = (prefix: string) => [1, 2, 3].map((number) => ({ id: `${prefix}${number}` }));
  const older = aRun({ id: 'older', age: 1, items: items('o') });
  const younger = aRun({ id: 'younger', age: 2, items: [...items('y'), { id: 'urgent', priority: 5 }] });

  const turn = new Scheduler({ default: 5 }).admit(older, younger);

  assert.deepEqual(fired(turn), ['urgent', 'o1', 'o2', 'y1', 'o3']);
});

test('an item starts from the patches of its dependencies and of earlier holders of its locks, in commit order', () => {
  const run = aRun({
    items: [
      { id: 'a' },
      { id: 'lockedBefore', resourceLocks: ['x'] },
      { id: 'unrelated' },
      { id: 'b', depends_on: ['a'] },
      { id: 'last', depends_on: ['b'], resourceLocks: ['x'] },
    ],
  });
  const scheduler = new Scheduler({ default: 10 });
  scheduler.admit(run);
  for (const id of ['lockedBefore', 'unrelated', 'a']) scheduler.finish(itemOf(run, id), patchOutcome(id));

  const turn = scheduler.finish(itemOf(run, 'b'), doneOutcome);

  assert.deepEqual(
    turn.fired.map(({ request }) => request.patches.map((patch) => patch.item)),
    [['lockedBefore', 'a']],
  );
});

function patchOutcome(id: string): AttemptOutcome {
  const hex = Buffer.from(id).toString('hex').padEnd(64, '0');
  const ref = artifactRefSchema.parse(`agora://default/artifact/d-${'a'.repeat(26)}/sha256:${hex}`);
  return { ...doneOutcome, artifacts: [{ port: 'patch', ref, sizeBytes: 1, mediaType: 'text/x-diff' }] };
}

test('what a running attempt waits for is its reason until it goes on, and one of an attempt before says nothing', () => {
  const run = aRun({ items: [{ id: 'a' }] });
  const scheduler = new Scheduler();
  scheduler.admit(run);
  const node = itemOf(run, 'a');
  const reasons = [
    { attempt: 1, reason: 'the storage is away' },
    { attempt: 0, reason: 'something of before' },
    { attempt: 1, reason: undefined },
  ].map((wait) => {
    const turn = newTurn(0, origin);
    holdItem(turn, node, wait);
    return [node.reason, turn.touchedItems.size];
  });

  assert.deepEqual(reasons, [
    ['the storage is away', 1],
    ['the storage is away', 0],
    [undefined, 1],
  ]);
});
