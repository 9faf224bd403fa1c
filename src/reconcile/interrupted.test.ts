import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, linesOf, messagesOf, settledState } from '../../test/support/settled-host.ts';
import type { SimulatedState } from '../../test/support/simulated-state.ts';
import { defaultHostSettings } from '../contracts/fleet.ts';

const spec = { workspaces: { web: { image: 'busybox:1' } } };
const target = { settings: { ...defaultHostSettings, enabled: false } };

/** The workspace's container has this name, and runs no more; another one of it, made anew, has the other name. */
async function leftBy({ old, made }: { old: string; made: string }): Promise<SimulatedState> {
  const state = await settledState(spec);
  const [container] = state.containers.values();
  assert.ok(container);
  state.end(container, 137);
  container.name = old;
  state.addContainer({ name: made, labels: container.labels, imageId: container.imageId });
  return state;
}

test('an exchange that a killed agent left is told on a host that is disabled, with how to go back', async () => {
  for (const names of [
    { old: 'web', made: 'web.agora-next' },
    { old: 'web.agora-previous', made: 'web.agora-next' },
    { old: 'web.agora-previous', made: 'web' },
  ]) {
    const decision = await decide(await leftBy(names), spec, { target });

    assert.deepEqual(linesOf(decision), []);
    assert.deepEqual(messagesOf(decision), [
      'web: Workspace "web" is down: its exchange was interrupted, and nothing is done on a host that is disabled',
    ]);
    assert.match(decision.problems[0]?.next ?? '', new RegExp(`docker start ${names.old}$`));
  }
});

test('nothing is told of an exchange on a host that is disabled while either container runs', async () => {
  for (const index of [0, 1]) {
    const state = await leftBy({ old: 'web.agora-previous', made: 'web' });
    const container = [...state.containers.values()][index];
    state.start(container ?? assert.fail('it is not there'));

    assert.deepEqual(messagesOf(await decide(state, spec, { target })), []);
  }
});

test('a workspace that somebody stopped on a host that is disabled is left to them', async () => {
  const state = await settledState(spec);
  for (const container of state.containers.values()) state.end(container, 0);

  assert.deepEqual(messagesOf(await decide(state, spec, { target })), []);
});
