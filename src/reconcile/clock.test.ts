import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, linesOf, settledState } from '../../test/support/settled-host.ts';
import { emptyMemory } from './memory.ts';

const web = { image: 'busybox:1' };
const dayMs = 86_400_000;

test('after the clock was put back a restart, a failed step and an exchange do not wait for it to catch up', async () => {
  const spec = { workspaces: { web } };
  const state = await settledState(spec);
  const later = state.nowMs + dayMs;
  for (const [id, container] of state.containers) {
    Object.assign(container, { status: 'exited', exitCode: 3 });
    const restarts = { web: { containerId: id, count: 4, lastAt: later } };
    const failures = {
      'start-workspace web': { fingerprint: id, attempts: 2, nextAt: later, message: 'Cannot start "web"' },
    };

    const restarted = await decide(state, spec, { memory: { ...emptyMemory, restarts } });
    const failed = await decide(state, spec, { memory: { ...emptyMemory, failures } });

    assert.deepEqual(linesOf(restarted), ['start-workspace web (): it does not run']);
    assert.deepEqual(linesOf(failed), ['start-workspace web (): it does not run']);
  }
});

test('after the clock was put back a new container proves itself from then on', async () => {
  const workspace = { ...web, updateStrategy: { healthyWithin: '5s' } };
  const spec = { workspaces: { web: workspace } };
  const state = await settledState(spec);
  const [current] = state.containers.values();
  assert.ok(current !== undefined);
  state.addContainer({ name: 'web.agora-previous', labels: { ...current.labels, 'agora.spec': 'x' } });
  const exchanges = { web: { containerId: current.id, since: state.nowMs + dayMs } };

  const { wakeAt, memory } = await decide(state, spec, { memory: { ...emptyMemory, exchanges } });

  assert.equal(wakeAt, state.nowMs + 5_000);
  assert.equal(memory.exchanges['web']?.since, state.nowMs);
});
