import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostLabels } from '../contracts/fleet-names.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import { helperLabels, removeLeftHelpers } from './left-helpers.ts';

const own = { owner: 'h-now', name: 'metrics' };
const before = { ...own, owner: 'h-before' };

function aContainer(id: string, status: ObservedContainer['status'], labels: Record<string, string>) {
  return {
    id,
    name: id,
    imageId: 'sha256:ab',
    labels,
    status,
    health: 'none',
    exitCode: 0,
    isOutOfMemory: false,
    error: '',
    restartCount: 0,
    networks: [],
  } satisfies ObservedContainer;
}

test('what an agent left goes, also what ended under an earlier key; what others use or made stays', async () => {
  const removed: string[] = [];
  const containers = [
    aContainer('ours, made', 'created', helperLabels(own)),
    aContainer('ours, running', 'running', helperLabels(own)),
    aContainer('of an earlier key, ended', 'exited', helperLabels(before)),
    aContainer('of another agent, about to start', 'created', helperLabels(before)),
    aContainer('of another agent, running', 'running', helperLabels(before)),
    aContainer('of another name', 'exited', helperLabels({ ...own, name: 'sessions' })),
    aContainer('a workspace', 'exited', { ...helperLabels(own), [hostLabels.kind]: 'workspace' }),
    aContainer('of nobody', 'exited', { [hostLabels.kind]: 'helper', [hostLabels.name]: 'metrics' }),
  ];

  const engine = {
    observeContainers: async () => containers,
    removeContainer: async (id: string) => void removed.push(id),
  };
  await removeLeftHelpers(engine, own, undefined);

  assert.deepEqual(removed, ['ours, made', 'ours, running', 'of an earlier key, ended']);
});
