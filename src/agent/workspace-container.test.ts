import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { hostLabels, nextContainerName, previousContainerName } from '../contracts/fleet-names.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import { hostSpecSchema } from '../contracts/host-spec.ts';
import { containerOf, runningContainerOf, type WorkspacesSeen } from './workspace-container.ts';

const labels = { [hostLabels.host]: 'h', [hostLabels.kind]: 'workspace', [hostLabels.name]: 'web' };

function aContainer(name: string, wish: Partial<ObservedContainer> = {}): ObservedContainer {
  return {
    ...{ id: `id-${name}`, name, imageId: 'i', labels, status: 'running', health: 'none', exitCode: 0 },
    ...{ isOutOfMemory: false, error: '', restartCount: 0, networks: [] },
    ...wish,
  };
}

function seen(containers: readonly ObservedContainer[], workspaces: object = { web: { image: 'i' } }): WorkspacesSeen {
  return { containers, hostId: 'h', spec: hostSpecSchema.parse({ schemaVersion: 1, workspaces }) };
}

const next = nextContainerName('web');
const previous = previousContainerName('web');
const meant = (containers: readonly ObservedContainer[]) => containerOf(seen(containers), 'web')?.name;

test('while an update starts the new container first, the one with the name is meant until it is exchanged', () => {
  assert.equal(meant([aContainer(next), aContainer('web')]), 'web');
  assert.equal(meant([aContainer(previous), aContainer('web')]), 'web');
  assert.equal(meant([aContainer(next), aContainer(previous, { status: 'exited' })]), next);
});

test('one that runs comes before one that does not, and a newer one before an older', () => {
  assert.equal(meant([aContainer('web', { status: 'exited' }), aContainer(previous)]), previous);
  const [older, newer] = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'];
  assert.equal(meant([aContainer(next, { startedAt: older }), aContainer(previous, { startedAt: newer })]), previous);
  assert.equal(meant([aContainer('web', { status: 'exited' })]), 'web');
});

test('a container of others is none, whatever its name and its labels; one that is adopted is', () => {
  const stranger = aContainer('web', { labels: {} });

  assert.equal(containerOf(seen([stranger]), 'web'), undefined);
  assert.equal(containerOf(seen([aContainer('copy')]), 'web'), undefined);
  assert.equal(
    containerOf(seen([aContainer('web', { labels: { ...labels, [hostLabels.host]: 'other' } })]), 'web'),
    undefined,
  );
  assert.equal(containerOf(seen([stranger], { web: { image: 'i', adopt: true } }), 'web'), stranger);
});

test('why there is no container that runs is told, each case with what to do', () => {
  const why = (containers: readonly ObservedContainer[], workspaces?: object) => {
    try {
      return runningContainerOf(seen(containers, workspaces), 'web').name;
    } catch (error) {
      assert.ok(isAppError(error) && error.next !== undefined);
      return `${error.code}: ${error.message.replace('Cannot reach workspace "web": ', '')}`;
    }
  };

  assert.equal(
    why([], { db: { image: 'i' } }),
    'not-found: Cannot find workspace "web": this host has none of that name',
  );
  assert.equal(why([]), 'task-conflict: it is declared, and has no container yet');
  assert.equal(why([aContainer('web', { status: 'exited', exitCode: 4 })]), 'task-conflict: it ended with exit code 4');
  assert.equal(why([aContainer('web', { status: 'paused' })]), 'task-conflict: it is paused');
  assert.equal(
    why([aContainer(next, { status: 'created' }), aContainer(previous, { status: 'exited' })]),
    'task-conflict: an update is replacing its container',
  );
});
