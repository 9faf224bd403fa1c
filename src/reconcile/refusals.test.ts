import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aSpec, decide, linesOf, messagesOf, settledState } from '../../test/support/settled-host.ts';
import { aTarget, SimulatedHost } from '../../test/support/simulated-host.ts';

const web = { image: 'busybox:1' };
const anew = { workspaces: { web: { image: 'busybox:2' } } };

for (const order of ['stop-first', 'start-first']) {
  test(`${order}: what could not be made for a while is not refused because its first start fails`, async () => {
    const state = await settledState({ workspaces: { web } });
    const fails = ['createWorkspace', 'createWorkspace', 'createWorkspace', 'createWorkspace', 'startContainer'];
    const host = new SimulatedHost(state, (call) => {
      if (call !== fails[0]) return 'none';
      fails.shift();
      return 'fails';
    });
    const spec = aSpec({ workspaces: { web: { image: 'busybox:2', updateStrategy: { order } } } });

    const { decision } = await host.converge(aTarget(spec, { revision: 2 }));

    assert.deepEqual(messagesOf(decision), []);
    assert.equal(state.containerOf('web')?.imageId, 'image-2');
    assert.ok(
      state.nowMs - (state.containerOf('web')?.startedAtMs ?? 0) < 60_000,
      'and it was not put back on the way',
    );
  });
}

test('what could not be started for a reason that may pass is put back, and tried again less and less often', async () => {
  const state = await settledState({ workspaces: { web } });
  const passesAt = state.nowMs + 20 * 60_000;
  const starts: number[] = [];
  const host = new SimulatedHost(state, (call) => {
    const isOfNew = state.containerOf('web')?.imageId === 'image-2';
    if (call !== 'startContainer' || !isOfNew || state.nowMs >= passesAt) return 'none';
    starts.push(Math.floor((state.nowMs - passesAt) / 60_000) + 20);
    return 'fails';
  });

  const { decision } = await host.converge(aTarget(aSpec(anew), { revision: 2 }));

  assert.deepEqual([...new Set(starts)], [0, 5, 15]);
  assert.deepEqual(messagesOf(decision), []);
  assert.equal(state.containerOf('web')?.imageId, 'image-2');
  assert.deepEqual(decision.memory.refused, {});
});

test('what did not prove itself is tried again once something is declared anew', async () => {
  const state = await settledState({ workspaces: { web } });
  state.fates.set('image-2', 'crashes');
  const host = new SimulatedHost(state);

  const { decision } = await host.converge(aTarget(aSpec(anew), { revision: 2 }));
  assert.match(messagesOf(decision).join(), /^web: Cannot replace workspace "web": it did not stay up/);
  const later = await decide(state, anew, { memory: decision.memory, target: { revision: 2 }, now: state.nowMs + 1e9 });
  assert.deepEqual(linesOf(later), []);
  const again = await decide(state, anew, { memory: decision.memory, target: { revision: 3 } });
  assert.deepEqual(linesOf(again), ['replace-workspace web (): its spec changed']);

  state.fates.delete('image-2');
  const settled = await host.converge(aTarget(aSpec(anew), { revision: 3 }));
  assert.deepEqual(messagesOf(settled.decision), []);
  assert.equal(state.containerOf('web')?.imageId, 'image-2');
});
