import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { aRun, askedOutcome, doneOutcome, Scheduler } from '../../test/support/board.ts';
import { readPlan } from '../audit/verify/plan.ts';
import { auditRecord } from '../audit/verify/record.ts';
import { replay } from '../audit/verify/replay.ts';
import { canonicalize } from '../base/canonical-json.ts';
import type { Digest } from '../contracts/ids.ts';
import { isTerminalItem } from '../contracts/run.ts';
import type { ItemNode, RunBoard } from './board.ts';
import type { AttemptOutcome } from './executor.ts';
import { answer } from './inquiry.ts';
import { keysClash } from './lock-table.ts';
import { cancel } from './schedule.ts';

interface RandomItem {
  readonly dependsOn: readonly number[];
  readonly locks: readonly string[];
  readonly onFailure: 'skip' | 'run';
  readonly priority: number;
}

const lockKeys = ['a.ts', 'b.ts', 'src/c.ts', 'src/*.ts', '**/*.ts'];

const randomItems = fc.array(
  fc.record({
    dependsOn: fc.array(fc.nat(1000), { maxLength: 3 }),
    locks: fc.subarray(lockKeys, { maxLength: 2 }),
    onFailure: fc.constantFrom('skip' as const, 'run' as const),
    priority: fc.integer({ min: -2, max: 2 }),
  }),
  { minLength: 1, maxLength: 25 },
);

const outcomes: readonly (AttemptOutcome | 'asks')[] = [
  doneOutcome,
  doneOutcome,
  doneOutcome,
  'asks',
  { outcome: 'failed', code: 'exit-nonzero', exitCode: 1, durationMs: 1, artifacts: [] },
  { outcome: 'lost', code: 'worker-lost', durationMs: 1, artifacts: [] },
  { outcome: 'stopped', code: 'interrupted', durationMs: 1, artifacts: [] },
];

function runOf(id: string, items: readonly RandomItem[], age: number): RunBoard {
  return aRun({
    id,
    age,
    items: items.map((item, index) => ({
      id: `i${index}`,
      depends_on: [
        ...new Set(item.dependsOn.map((number) => number % (index + 1)).filter((number) => number < index)),
      ].map((n) => `i${n}`),
      resourceLocks: [...item.locks],
      onFailure: item.onFailure,
      priority: item.priority,
      retry: { attempts: 2, delaySeconds: 1 },
    })),
  });
}

function assertSound(scheduler: Scheduler, concurrency: number): void {
  const running = [...(scheduler.board.queues.get('default')?.running ?? [])];
  assert.ok(running.length <= concurrency, 'no more items run than the queue allows');
  for (const [index, node] of running.entries()) {
    assert.equal(node.status, 'running');
    for (const dependency of node.dependencies) assert.ok(isTerminalItem(dependency.status), 'dependencies come first');
    for (const other of running.slice(index + 1)) assert.ok(!clash(node, other), 'no two holders of clashing locks');
  }
}

function clash(left: ItemNode, right: ItemNode): boolean {
  return left.locks.some((key) => right.locks.some((other) => keysClash(key, other)));
}

/** What a verifier makes of the records is what the scheduler made of the run. */
function assertReplayed(run: RunBoard, recordTexts: readonly string[]): void {
  const records = recordTexts
    .map((text) => auditRecord(JSON.parse(text), ''))
    .filter((record) => record.run === run.runId);
  const replayed = replay(readPlan(canonicalize(run.plan)), records);
  assert.deepEqual(
    replayed.items.map(({ id, status, attempt, reason }) => ({ id, status, attempt, reason })),
    run.items.map(({ id, status, attempt, reason }) => ({ id, status, attempt, reason })),
  );
}

/** Something must run or be due, as long as a run is not over: nothing waits for ever. */
function assertLive(scheduler: Scheduler): void {
  if (scheduler.board.runs.size === 0) return;
  const running = scheduler.board.queues.get('default')?.running.size ?? 0;
  const waiting = waitingOf(scheduler).length;
  assert.ok(running > 0 || scheduler.board.timers.size > 0 || waiting > 0, 'an open run has work that runs or is due');
  for (const run of scheduler.board.runs.values()) {
    const canGoOn = run.items.some(({ status }) => status === 'running' || status === 'ready');
    assert.equal(run.status, canGoOn ? 'running' : 'waiting', 'a run waits exactly when only answers help');
  }
}

function waitingOf(scheduler: Scheduler): ItemNode[] {
  const waiting = [...scheduler.board.runs.values()].flatMap((run) => [...run.waiting]);
  for (const node of waiting) assert.equal(node.status, 'waiting');
  return waiting;
}

const given = {
  actor: 'human:test',
  at: '2026-01-01T00:00:00.000Z',
  answer: { digest: `sha256:${'b'.repeat(64)}` as Digest, sizeBytes: 3 },
};

test('whatever the plan and whatever fails, limits and locks hold and every run ends', () => {
  const scenario = fc.record({
    runs: fc.array(randomItems, { minLength: 1, maxLength: 3 }),
    concurrency: fc.integer({ min: 1, max: 4 }),
    choices: fc.infiniteStream(fc.nat(1_000_000)),
    cancelAt: fc.option(fc.nat(20)),
  });
  fc.assert(
    fc.property(scenario, ({ runs: sketches, concurrency, choices, cancelAt }) => {
      const scheduler = new Scheduler({ default: concurrency });
      const runs = sketches.map((items, index) => runOf(`run-${index}`, items, index));
      scheduler.admit(...runs);
      const next = () => choices.next().value as number;

      for (let step = 0; scheduler.board.runs.size > 0; step++) {
        assert.ok(step < 2_000, 'it comes to an end');
        assertSound(scheduler, concurrency);
        assertLive(scheduler);
        const running = [...(scheduler.board.queues.get('default')?.running ?? [])];
        const node = running[next() % Math.max(1, running.length)];
        const waiting = waitingOf(scheduler);
        const asking = waiting[next() % Math.max(1, waiting.length)];
        if (step === cancelAt && runs[0] !== undefined && scheduler.board.runs.has(runs[0].runId)) {
          const run = runs[0];
          scheduler.turn((turn) => cancel(scheduler.board, turn, { run, actor: 'human:test' }));
        } else if (asking !== undefined && (node === undefined || next() % 3 === 0)) {
          scheduler.turn((turn) => answer(scheduler.board, turn, asking, given));
        } else if (node !== undefined) {
          const outcome = outcomes[next() % outcomes.length];
          scheduler.finish(node, outcome === 'asks' ? askedOutcome(node) : outcome);
        } else {
          scheduler.nowMs += 10_000;
          scheduler.turn();
        }
      }

      for (const run of runs) {
        assert.ok(run.items.every((item) => isTerminalItem(item.status)));
        assert.equal(run.openItems, 0);
        assertReplayed(run, scheduler.records);
      }
      assert.equal(scheduler.board.locks.exact.size + scheduler.board.locks.globs.size, 0);
    }),
    { numRuns: 200 },
  );
});
