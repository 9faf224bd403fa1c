import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostLabels } from '../../contracts/fleet-names.ts';
import type { ObservedContainer } from '../../contracts/host-observation.ts';
import { measuredOf } from './workspaces.ts';

const hostId = `h-${'a'.repeat(26)}`;

function aContainer(changes: Partial<ObservedContainer> = {}): ObservedContainer {
  return {
    id: 'a',
    name: 'web',
    imageId: 'sha256:1',
    labels: { [hostLabels.host]: hostId, [hostLabels.kind]: 'workspace', [hostLabels.name]: 'web' },
    status: 'running',
    health: 'none',
    exitCode: 0,
    isOutOfMemory: false,
    error: '',
    restartCount: 2,
    networks: [],
    ...changes,
  };
}

test('of a workspace that is exchanged the newest container that runs is measured, once', () => {
  const old = aContainer({ id: 'old', startedAt: '2026-01-01T00:00:00.000Z' });
  const next = aContainer({ id: 'next', name: 'web.next', startedAt: '2026-01-02T00:00:00.000Z', restartCount: 0 });
  const created = aContainer({ id: 'created', status: 'created' });

  const ofRunning = measuredOf([next, old], hostId);
  const ofCreated = measuredOf([created, old], hostId);

  assert.deepEqual(ofRunning, [{ id: 'next', name: 'web', restarts: 0, isRunning: true }]);
  assert.deepEqual(
    ofCreated.map(({ id }) => id),
    ['old'],
  );
});

test('containers of others are not measured, and a name is never longer than a server takes', () => {
  const labels = { [hostLabels.host]: hostId, [hostLabels.kind]: 'workspace', [hostLabels.name]: 'x'.repeat(500) };
  const foreign = [
    aContainer({ labels: {} }),
    aContainer({ labels: { ...labels, [hostLabels.host]: 'h-other' } }),
    aContainer({ labels: { ...labels, [hostLabels.kind]: 'helper' } }),
  ];

  const measured = measuredOf([...foreign, aContainer({ labels, status: 'exited' })], hostId);

  assert.deepEqual(measured, [{ id: 'a', name: 'x'.repeat(128), restarts: 2, isRunning: false }]);
});
