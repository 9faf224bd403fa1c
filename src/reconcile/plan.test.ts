import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aSpec, settledState } from '../../test/support/settled-host.ts';
import { aTarget } from '../../test/support/simulated-host.ts';
import { SimulatedHostEngine } from '../../test/support/simulated-host-engine.ts';
import type { SimulatedState } from '../../test/support/simulated-state.ts';
import { observe } from '../agent/observe.ts';
import { hostPlanSchema } from '../contracts/host-change.ts';
import { planOf } from './plan.ts';

const app = (context: string) => ({
  images: { app: { build: { context } }, box: { pull: 'busybox:1', policy: 'always' } },
  workspaces: { web: { image: 'app' } },
});

async function plan(state: SimulatedState, spec: Record<string, unknown>, revision = 1) {
  const observed = await observe(new SimulatedHostEngine(state));
  return planOf(aTarget(aSpec(spec), { revision }), observed, { now: state.nowMs, appliedRevision: 1 });
}

test('the plan of what is applied is empty, and one that builds tells what is made of it', async () => {
  const state = await settledState(app('one'));

  const same = await plan(state, app('one'));
  const changed = await plan(state, app('two'), 2);

  assert.deepEqual(same.steps, []);
  assert.deepEqual(changed.steps, [
    { kind: 'build-image', name: 'app', reason: 'what it is built from changed', after: [] },
    { kind: 'pull-image', name: 'box', reason: 'it is asked for again with each change', after: [] },
    { kind: 'replace-workspace', name: 'web', reason: 'its image is built again', after: [0] },
  ]);
  assert.deepEqual(hostPlanSchema.parse(changed), changed);
});

test('the index of a plan stays while the host does, and moves with it, with the spec and with the revision', async () => {
  const state = await settledState(app('one'));
  const before = await plan(state, app('one'));

  for (const container of state.containers.values()) container.restartCount = 3;
  assert.equal((await plan(state, app('one'))).index, before.index);
  assert.notEqual((await plan(state, app('two'))).index, before.index);
  assert.notEqual((await plan(state, app('one'), 2)).index, before.index);
  state.addContainer({ name: 'theirs' });
  assert.equal((await plan(state, app('one'))).index, before.index);
  for (const container of state.containers.values()) container.status = 'exited';
  assert.notEqual((await plan(state, app('one'))).index, before.index);
});
