import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, linesOf, messagesOf, settledState } from '../../test/support/settled-host.ts';
import { aTarget, SimulatedHost } from '../../test/support/simulated-host.ts';
import { SimulatedState } from '../../test/support/simulated-state.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import { hostSpecSchema } from '../contracts/host-spec.ts';
import { emptyMemory } from './memory.ts';
import { remember } from './remember.ts';

const web = { image: 'busybox:1' };

test('a container of others that has the name stays, and it is told how to go on', async () => {
  const state = await settledState();
  state.addContainer({ name: 'web', status: 'running' });

  const decision = await decide(state, { workspaces: { web } });

  assert.deepEqual(linesOf(decision), ['pull-image busybox:1 (): it is not there']);
  assert.deepEqual(messagesOf(decision), ['web: Cannot make workspace "web": a container of this name is not ours']);
  assert.match(decision.problems[0]?.next ?? '', /adopt: true/);
  assert.equal(decision.workspaces[0]?.state, 'foreign');
});

test('one that is adopted is made again as ours, and goes once ours has proven itself', async () => {
  const state = await settledState();
  const theirs = state.addContainer({ name: 'web', status: 'running' });

  await new SimulatedHost(state).converge(
    aTarget(hostSpecSchema.parse({ schemaVersion: 1, workspaces: { web: { ...web, adopt: true } } })),
  );

  assert.deepEqual(
    [...state.containers.values()].map(({ name, status }) => `${name} ${status}`),
    ['web running'],
  );
  assert.equal(state.containerOf(theirs.id), undefined);
});

test('one that is adopted comes back where ours does not prove itself', async () => {
  const state = await settledState();
  state.fates.set('image-1', 'does-not-start');
  const theirs = state.addContainer({ name: 'web', status: 'running' });

  await new SimulatedHost(state).converge(
    aTarget(hostSpecSchema.parse({ schemaVersion: 1, workspaces: { web: { ...web, adopt: true } } })),
  );

  assert.deepEqual(
    [...state.containers.values()].map(({ id, name, status }) => `${id} ${name} ${status}`),
    [`${theirs.id} web running`],
  );
});

test('networks and volumes of others stay, and what needs them waits', async () => {
  const state = await settledState();
  state.networks.set('front', { id: 'n', name: 'front', driver: 'bridge', labels: {} });
  state.volumes.set('data', { name: 'data', driver: 'local', labels: {} });
  const spec = { networks: { front: {} }, volumes: { data: {} }, workspaces: { web: { ...web, networks: ['front'] } } };

  const decision = await decide(state, spec);

  assert.deepEqual(linesOf(decision), ['pull-image busybox:1 (): it is not there']);
  assert.deepEqual(messagesOf(decision), [
    'front: Cannot make network "front": one of this name is not ours',
    'data: Cannot make volume "data": one of this name is not ours',
  ]);
  assert.deepEqual(decision.workspaces[0]?.reason, 'its network "front" is not ours');
});

test('a container that somebody renamed is told of and left alone', async () => {
  const state = await settledState({ workspaces: { web } });
  for (const container of state.containers.values()) container.name = 'renamed';

  const decision = await decide(state, {});

  assert.deepEqual(linesOf(decision), []);
  assert.match(messagesOf(decision)[0] ?? '', /^renamed: Container "renamed" has labels of ours/);
});

test('a network or a volume with labels copied from one of ours is nobody of ours', async () => {
  const state = await settledState({ networks: { front: {} }, volumes: { data: { removeWithSpec: true } } });
  for (const network of state.networks.values()) network.name = 'copied-network';
  for (const volume of state.volumes.values()) volume.name = 'copied-volume';

  assert.deepEqual(linesOf(await decide(state, {})), []);
});

test('a container of an image that we built is nobody of ours', async () => {
  const state = await settledState();
  const labels = { [hostLabels.host]: aTarget(hostSpecSchema.parse({ schemaVersion: 1 })).hostId };
  state.addContainer({ name: 'app', labels: { ...labels, [hostLabels.kind]: 'image', [hostLabels.name]: 'app' } });

  assert.deepEqual(linesOf(await decide(state, {})), []);
});

test('a network that is declared otherwise is made again around its workspaces, which run on', async () => {
  const spec = (internal: boolean) => ({
    networks: { front: { internal } },
    workspaces: { web: { ...web, networks: ['front'] } },
  });
  const state = await settledState(spec(false));

  const decision = await decide(state, spec(true));

  assert.deepEqual(linesOf(decision), [
    'remove-network front (): it is declared otherwise than it was made',
    'create-network front (0): it is declared otherwise than it was made',
    'connect-network web (1): it is not on network "front"',
  ]);
});

test('a network that others are on is not removed', async () => {
  const state = await settledState({ networks: { front: {} } });
  state.addContainer({ name: 'theirs', networks: new Set(['front']) });

  const decision = await decide(state, {});

  assert.deepEqual(linesOf(decision), []);
  assert.deepEqual(messagesOf(decision), [
    'front: Cannot remove network "front" (it is not declared any more): containers that are not ours are on it: "theirs"',
  ]);
});

test('a volume is never made again, and goes only where that was declared last', async () => {
  const declared = (removeWithSpec: boolean) => ({ volumes: { data: { removeWithSpec } } });
  const going = await settledState(declared(true));
  const staying = await settledState(declared(false));
  const { memory } = await decide(going, declared(false));

  assert.deepEqual(linesOf(await decide(staying, {})), []);
  assert.deepEqual(linesOf(await decide(going, {}, { memory })), []);
  assert.deepEqual(linesOf(await decide(going, {})), [
    'remove-volume data (): it is not declared any more, and was declared to go with its spec',
  ]);
  const changed = await decide(going, { volumes: { data: { driverOptions: { type: 'nfs' } } } });
  assert.deepEqual(linesOf(changed), []);
  assert.match(messagesOf(changed)[0] ?? '', /making it again would remove its data/);
});

test('a volume that the engine left half made is asked for again, and one that only looks like it is not ours', async () => {
  const declared = (rest: Record<string, unknown> = {}) => ({ volumes: { data: rest } });
  const asked = await decide(new SimulatedState(), declared());
  const { memory } = asked;
  const left = new SimulatedState();
  left.volumes.set('data', { name: 'data', driver: 'local', labels: {} });
  const labelled = new SimulatedState();
  labelled.volumes.set('data', { name: 'data', driver: 'local', labels: { of: 'somebody' } });
  const notOurs = ['data: Cannot make volume "data": one of this name is not ours'];

  const again = await decide(left, declared(), { memory });
  const [step] = asked.steps;
  const refused = remember(again.memory, {
    step: step ?? assert.fail('nothing was asked for'),
    outcome: { is: 'failed', code: 'task-conflict', message: 'one of that name is there with other labels' },
    revision: 1,
    now: left.nowMs,
  });

  assert.deepEqual(linesOf(again), ['create-volume data (): the engine ended while it was made']);
  assert.deepEqual(messagesOf(again), []);
  for (const [state, spec, known] of [
    [left, declared(), emptyMemory],
    [left, declared(), refused],
    [left, declared({ driverOptions: { type: 'nfs' } }), memory],
    [labelled, declared(), memory],
  ] as const) {
    const decision = await decide(state, spec, { memory: known });
    assert.deepEqual(linesOf(decision), []);
    assert.deepEqual(messagesOf(decision), notOurs);
  }
});

test('an image of others that has the tag of a build stays', async () => {
  const state = new SimulatedState();
  state.addImage({ id: 'theirs', tags: ['app:1'] });

  const decision = await decide(state, { images: { app: { tag: 'app:1', build: { context: 'c' } } } });

  assert.deepEqual(linesOf(decision), []);
  assert.deepEqual(messagesOf(decision), ['app: Cannot build image "app:1": another one has this name']);
});
