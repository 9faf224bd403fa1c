import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StepReport } from '../contracts/host-change.ts';
import { emptyMemory } from '../reconcile/memory.ts';
import type { Step } from '../reconcile/step.ts';
import type { Decision } from '../reconcile/target.ts';
import { ToldHost } from './told-host.ts';

const at = '2026-01-01T00:00:00.000Z';

function aStep(name: string): Step {
  return { kind: 'start-workspace', name, reason: 'test', after: [], moves: [], attempt: name, fingerprint: '' };
}

function aDecision(...names: string[]): Decision {
  const none = { problems: [], workspaces: [], memory: emptyMemory, underWay: [] };
  return { ...none, steps: names.map(aStep), isSettled: names.length === 0 };
}

function aReport(name: string, state: StepReport['state']): StepReport {
  return { kind: 'start-workspace', name, reason: 'test', state };
}

test('an agent that starts tells that no step goes on, which one that died may have left', () => {
  const told = new ToldHost(Date.now, { revision: 1, times: { planned: at, applied: at, healthy: at } });

  const first = told.decided(1, aDecision(), at);
  const second = told.decided(1, aDecision(), at);

  assert.deepEqual(first.steps, []);
  assert.deepEqual(second, {});
});

test('a step that waited and is not decided again is told of no more, others stay', () => {
  const told = new ToldHost(Date.now, undefined);
  const build: StepReport = { kind: 'build-image', name: 'app', reason: 'test', state: 'waiting' };
  told.decided(1, aDecision('a', 'b', 'c'), at);
  for (const name of ['a', 'b', 'c']) told.step(aReport(name, 'waiting'));
  told.step(build);
  told.step(aReport('a', 'failed'));
  const next = { ...aDecision('b'), underWay: ['build-image app'] };

  const { steps } = told.decided(1, next, at);
  const after = told.decided(1, next, at);

  assert.deepEqual(steps, [aReport('b', 'waiting'), build, aReport('a', 'failed')]);
  assert.deepEqual(after, {});
});

test('a server that may have lost what it was told gets all of it again', () => {
  const told = new ToldHost(Date.now, undefined);
  told.decided(1, aDecision('a'), at);
  told.step(aReport('a', 'running'));

  told.forget();
  const { steps, problems, workspaces } = told.decided(1, aDecision(), at);

  assert.deepEqual([steps, problems, workspaces], [[aReport('a', 'running')], [], []]);
});
