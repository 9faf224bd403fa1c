import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, linesOf, settledState } from '../../test/support/settled-host.ts';

test('while a container takes its time to end its workspace is left alone, and what may need it waits', async () => {
  const web = { image: 'busybox:1' };
  const port = { ...web, ports: [{ container: 80, host: 8_080 }] };
  const late = { ...web, mounts: [{ type: 'volume', volume: 'data', target: '/data' }] };
  const volumes = { data: {}, old: { removeWithSpec: true } };
  const state = await settledState({ volumes, networks: { old: {} }, workspaces: { web, gone: web, side: web, port } });
  for (const container of state.containers.values()) {
    if (container.name === 'side' || container.name === 'port') state.end(container, 1);
  }
  const kind = 'remove-workspace' as const;
  const busy = new Map(['web', 'gone'].map((name) => [`drop ${name}`, { kind, name, reason: 'so', after: [] }]));
  const workspaces = { web: { ...web, env: { A: '1' } }, side: web, port, late };

  const decision = await decide(state, { volumes: { data: {} }, workspaces }, { busy });

  assert.deepEqual(linesOf(decision), ['start-workspace side (): it does not run']);
  assert.deepEqual(decision.underWay, ['drop web', 'drop gone']);
  assert.equal(decision.isSettled, false);
  assert.deepEqual(
    decision.workspaces.map(({ name, state, reason }) => [name, state, reason]),
    [
      ['web', 'running', 'so'],
      ['side', 'restarting', 'it does not run'],
      ['port', 'restarting', 'workspace "gone" is still being removed'],
      ['late', 'waiting', 'workspace "gone" is still being removed'],
    ],
  );
});
