import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClockOffset } from './clock-offset.ts';
import { withServerTimes } from './server-times.ts';

const hostTime = '2001-01-01T00:00:10.000Z';
const serverTime = '2026-11-21T12:00:10.000Z';

test('a host that thinks it is 2001 tells of what it has, does and did by the clock of its server', () => {
  const clock = new ClockOffset(() => {});
  clock.learn(serverTime, { sentAt: Date.parse(hostTime), receivedAt: Date.parse(hostTime) });
  const observation = { containers: [], networks: [], volumes: [], images: [] };
  const step = { kind: 'pull-image', name: 'web', reason: 'it is not there', state: 'done' } as const;
  const workspace = { name: 'web', state: 'running', restarts: 0 } as const;
  const never = { ...workspace, name: 'never' };
  const waiting = { ...step, state: 'waiting' } as const;

  const told = withServerTimes(
    {
      revision: 1,
      observation: { ...observation, observedAt: hostTime },
      steps: [{ ...step, startedAt: hostTime, endedAt: '2001-01-01T00:00:11.000Z' }, waiting],
      workspaces: [{ ...workspace, since: '2000-12-31T23:59:10.000Z' }, never],
      times: { planned: serverTime },
    },
    clock,
  );

  assert.deepEqual(told, {
    revision: 1,
    observation: { ...observation, observedAt: serverTime },
    steps: [{ ...step, startedAt: serverTime, endedAt: '2026-11-21T12:00:11.000Z' }, waiting],
    workspaces: [{ ...workspace, since: '2026-11-21T11:59:10.000Z' }, never],
    times: { planned: serverTime },
  });
  assert.deepEqual(withServerTimes({ revision: 2 }, clock), { revision: 2 });
});
