import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aSpec, decide, linesOf, messagesOf, settledState } from '../../test/support/settled-host.ts';
import { aTarget, SimulatedHost } from '../../test/support/simulated-host.ts';
import { emptyMemory } from './memory.ts';

const web = { image: 'busybox:1' };

async function endedState(workspace: Record<string, unknown>, exitCode: number) {
  const state = await settledState({ workspaces: { web: workspace } });
  for (const container of state.containers.values()) {
    Object.assign(container, { status: 'exited', exitCode, finishedAtMs: state.nowMs });
  }
  return state;
}

const ends: readonly [restart: string, exitCode: number, isStarted: boolean, state: string][] = [
  ['always', 0, true, 'stopped'],
  ['unless-stopped', 137, true, 'restarting'],
  ['on-failure', 1, true, 'restarting'],
  ['on-failure', 0, false, 'stopped'],
  ['no', 0, false, 'stopped'],
  ['no', 2, false, 'failed'],
];
for (const [restart, exitCode, isStarted, expected] of ends) {
  test(`restart "${restart}" after exit code ${exitCode}: ${isStarted ? 'started again at once' : 'left'}`, async () => {
    const workspace = { ...web, restart };

    const decision = await decide(await endedState(workspace, exitCode), { workspaces: { web: workspace } });

    assert.deepEqual(linesOf(decision), isStarted ? ['start-workspace web (): it does not run'] : []);
    assert.equal(decision.workspaces[0]?.state, expected);
  });
}

test('a container that keeps ending is started less and less often, with a reason, until it stays up', async () => {
  const spec = { workspaces: { web } };
  const state = await endedState(web, 3);
  const [id = ''] = state.containers.keys();
  const after = (count: number) => ({
    ...emptyMemory,
    restarts: { web: { containerId: id, count, lastAt: state.nowMs } },
  });

  assert.equal(linesOf(await decide(state, spec, { memory: after(2) })).length, 1);
  for (const [count, waitMs] of [
    [3, 1_000],
    [5, 4_000],
    [30, 300_000],
  ] as const) {
    const held = await decide(state, spec, { memory: after(count) });
    assert.deepEqual(held.steps, []);
    assert.equal(held.wakeAt, state.nowMs + waitMs);
    assert.match(held.workspaces[0]?.reason ?? '', new RegExp(`exit code 3, and was started again ${count} times`));
    assert.equal(messagesOf(held).length, count >= 5 ? 1 : 0);
  }
  for (const container of state.containers.values()) container.finishedAtMs = state.nowMs + 10_000;
  const steadied = await decide(state, spec, { memory: after(30) });
  assert.equal(steadied.memory.restarts['web']?.count, 1);
});

test("the engine's own restarts are told as a loop while they go on", async () => {
  const state = await settledState({ workspaces: { web } });
  for (const container of state.containers.values()) Object.assign(container, { restartCount: 7, exitCode: 1 });

  const decision = await decide(state, { workspaces: { web } });
  const later = await decide(state, { workspaces: { web } }, { now: state.nowMs + 10_000 });

  assert.deepEqual(messagesOf(decision), [
    'web: Cannot keep workspace "web" running: the engine started it again 7 times: it ended with exit code 1',
  ]);
  assert.equal(decision.wakeAt, state.nowMs + 10_000);
  assert.deepEqual(messagesOf(later), []);
});

test('a container whose stop goes on though something newer wants it is waited for, and started when it has ended', async () => {
  const once = { ...web, restart: 'no', stopGrace: '5s' };
  const spec = { workspaces: { web: once } };
  const state = await settledState(spec);
  const [container] = state.containers.values();
  assert.ok(container !== undefined);
  const cut = await decide(state, { workspaces: {} });

  const during = await decide(state, spec, { memory: cut.memory });
  const unharmed = await decide(state, spec, { memory: cut.memory, now: state.nowMs + 60_000 });
  state.end(container, 143);
  const ended = await decide(state, spec, { memory: during.memory });

  assert.deepEqual(linesOf(during), []);
  assert.equal(during.isSettled, false);
  assert.equal(during.wakeAt, state.nowMs + 15_000);
  assert.equal(unharmed.isSettled, true);
  assert.deepEqual(linesOf(ended), ['start-workspace web (): it does not run']);
});

test('after the count of its starts a container that stays up is looked at when it has done so for long enough', async () => {
  const spec = { workspaces: { web } };
  const state = await settledState(spec);
  const [id = ''] = state.containers.keys();
  const memory = { ...emptyMemory, restarts: { web: { containerId: id, count: 7, lastAt: state.nowMs } } };

  const decision = await decide(state, spec, { memory, now: state.nowMs + 1_000 });
  const later = await decide(state, spec, { memory: decision.memory, now: decision.wakeAt ?? 0 });

  assert.equal(decision.workspaces[0]?.restarts, 7);
  assert.equal(decision.wakeAt, state.nowMs + 10_000);
  assert.equal(later.workspaces[0]?.restarts, 0);
});

test('a workspace that somebody paused is told of and not touched', async () => {
  const state = await settledState({ workspaces: { web } });
  for (const container of state.containers.values()) container.status = 'paused';

  const decision = await decide(state, { workspaces: { web } });

  assert.deepEqual(decision.steps, []);
  assert.deepEqual(messagesOf(decision), ['web: Cannot run workspace "web": somebody paused it']);
});

test('a workspace that ends by itself right after it was declared to run again is not started over and over', async () => {
  const once = { ...web, restart: 'no' };
  const state = await settledState({ workspaces: { web: once } });
  const host = new SimulatedHost(state);
  await host.converge(aTarget(aSpec({ workspaces: { web: { ...once, running: false } } }), { revision: 2 }));
  state.fates.set('image-1', 'crashes');

  const { decision } = await host.converge(aTarget(aSpec({ workspaces: { web: once } }), { revision: 3 }));

  assert.equal(decision.workspaces[0]?.state, 'failed');
});
