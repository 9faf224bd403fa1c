import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aSpec, decide, linesOf, messagesOf, settledState } from '../../test/support/settled-host.ts';
import { aTarget, SimulatedHost } from '../../test/support/simulated-host.ts';
import type { SimulatedState } from '../../test/support/simulated-state.ts';
import type { Step } from './step.ts';

const web = { image: 'busybox:1' };

function movesOf(steps: readonly Step[], state: SimulatedState): string[] {
  const nameOf = (reference: string) => state.containerOf(reference)?.name ?? reference;
  return steps.flatMap(({ moves }) =>
    moves.map((move) => {
      if (move.do === 'rename') return `rename ${nameOf(move.container)} to ${move.to}`;
      return 'container' in move ? `${move.do} ${nameOf(move.container)}` : move.do;
    }),
  );
}

test('stop-first makes the new container before it stops the old one, which stays until the new one has proven itself', async () => {
  const state = await settledState({ workspaces: { web } });
  const changed = { workspaces: { web: { ...web, env: { A: '1' } } } };

  const { steps } = await decide(state, changed);

  assert.deepEqual(movesOf(steps, state), [
    'create web.agora-next',
    'stop web',
    'rename web to web.agora-previous',
    'rename web.agora-next to web',
    'start web',
  ]);
});

test('start-first stops the old container once the new one is healthy, and not before', async () => {
  const workspace = { ...web, health: { command: ['true'] }, updateStrategy: { order: 'start-first' } };
  const state = await settledState({ workspaces: { web: workspace } });
  state.advance(1_000);
  const changed = { workspaces: { web: { ...workspace, env: { A: '1' } } } };

  const first = await decide(state, changed);
  assert.deepEqual(movesOf(first.steps, state), ['create web.agora-next', 'start web.agora-next']);

  const labels = { ...state.containerOf('web')?.labels, 'agora.spec': specLabelOf(first.steps) };
  const next = state.addContainer({
    name: 'web.agora-next',
    imageId: 'image-1',
    labels,
    status: 'running',
    health: 'starting',
    startedAtMs: state.nowMs,
  });
  const waiting = await decide(state, changed, { memory: first.memory });
  assert.deepEqual(waiting.steps, []);
  assert.equal(waiting.wakeAt, state.nowMs + 60_000);

  next.health = 'healthy';
  const last = await decide(state, changed, { memory: waiting.memory });
  assert.deepEqual(movesOf(last.steps, state), [
    'rename web to web.agora-previous',
    'rename web.agora-next to web',
    'stop web',
    'remove web',
  ]);
});

function specLabelOf(steps: readonly Step[]): string {
  const create = steps.flatMap(({ moves }) => moves).find((move) => move.do === 'create');
  return create?.labels['agora.spec'] ?? '';
}

test('what did not prove itself is not tried again as it is, and a change of its spec is', async () => {
  const state = await settledState({ workspaces: { web } });
  state.registry.set('stuck:1', 'image-stuck');
  state.fates.set('image-stuck', 'does-not-start');
  const host = new SimulatedHost(state);
  const bad = { workspaces: { web: { image: 'stuck:1' } } };

  const { decision } = await host.converge(aTarget(aSpec(bad), { revision: 2 }));

  assert.deepEqual(messagesOf(decision), [
    'web: Cannot replace workspace "web": Cannot start "web": no such device; the one before was put back',
  ]);
  assert.equal(decision.workspaces[0]?.state, 'running');
  assert.equal(decision.workspaces[0]?.reason, 'Cannot start "web": no such device');
  const again = await decide(
    state,
    { workspaces: { web: { image: 'stuck:1', env: { A: '1' } } } },
    { memory: decision.memory },
  );
  assert.deepEqual(linesOf(again), ['replace-workspace web (): its spec changed']);
});

test('without rollback the new container stays, however it fares', async () => {
  const workspace = { ...web, updateStrategy: { rollback: false, healthyWithin: '5s' } };
  const state = await settledState({ workspaces: { web: workspace } });
  state.fates.set('image-2', 'sick');
  const changed = { ...workspace, image: 'busybox:2', health: { command: ['false'] } };

  await new SimulatedHost(state).converge(aTarget(aSpec({ workspaces: { web: changed } }), { revision: 2 }));

  assert.deepEqual(
    [...state.containers.values()].map(({ name, imageId }) => `${name} ${imageId}`),
    ['web image-2'],
  );
});

test('two workspaces that change their ports between them both get there', async () => {
  const on = (host: number) => ({ ...web, ports: [{ container: 80, host }] });
  const state = await settledState({ workspaces: { one: on(81), two: on(82) } });
  const swapped = { workspaces: { one: on(82), two: on(81) } };

  const decision = await decide(state, swapped);
  assert.deepEqual(linesOf(decision), ['replace-workspace one (): its spec changed']);
  assert.equal(decision.workspaces[1]?.reason, 'host port 0.0.0.0:81/tcp is still held by workspace "one"');

  await new SimulatedHost(state).converge(aTarget(aSpec(swapped), { revision: 2 }));
  const ports = [...state.containers.values()].map(({ name, spec }) => `${name} ${spec?.ports[0]?.host}`);
  assert.deepEqual(ports.sort(), ['one 82', 'two 81']);
});

test('a container that is made is not started, and so not refused, while another workspace still has its port', async () => {
  const on80 = { ...web, ports: [{ container: 80, host: 80 }] };
  const state = await settledState({ workspaces: { one: on80, two: { ...on80, running: false } } });
  const moved = { workspaces: { one: { ...web, updateStrategy: { order: 'start-first' } }, two: on80 } };

  const decision = await decide(state, moved);
  assert.deepEqual(linesOf(decision), ['replace-workspace one (): its spec changed']);
  assert.equal(decision.workspaces[1]?.reason, 'host port 0.0.0.0:80/tcp is still held by workspace "one"');

  const settled = await new SimulatedHost(state).converge(aTarget(aSpec(moved), { revision: 2 }));
  assert.deepEqual(
    settled.decision.workspaces.map(({ state: is }) => is),
    ['running', 'running'],
  );
});

test('a workspace that is declared under another name starts once the one before has left its volume', async () => {
  const workspace = { ...web, mounts: [{ type: 'volume', volume: 'data', target: '/data' }] };
  const state = await settledState({ volumes: { data: {} }, workspaces: { web: workspace } });

  const decision = await decide(state, { volumes: { data: {} }, workspaces: { site: workspace } });

  assert.deepEqual(linesOf(decision), [
    'remove-workspace web (): it is not declared any more',
    'create-workspace site (0): it is not there',
  ]);
});

test('a container has no ports of the container that its image was made of', async () => {
  const decision = await decide(await settledState({ images: { box: { pull: 'busybox:1' } } }), {
    workspaces: { web },
  });

  const labels = decision.steps.flatMap(({ moves }) => moves.map((move) => 'labels' in move && move.labels));
  assert.deepEqual(
    labels.flatMap((one) => (one === false ? [] : [one['agora.ports']])),
    [''],
  );
});

test('an old container that its engine started again is stopped before the new one goes on proving itself', async () => {
  const workspace = { ...web, restart: 'always', ports: [{ container: 80, host: 80 }] };
  const state = await settledState({ workspaces: { web: workspace } });
  const [current] = state.containers.values();
  assert.ok(current !== undefined);
  Object.assign(current, { status: 'exited', exitCode: 128 });
  const labels = { ...current.labels, 'agora.spec': 'x' };
  state.addContainer({ name: 'web.agora-previous', labels, status: 'running', startedAtMs: state.nowMs });

  const decision = await decide(state, { workspaces: { web: workspace } });

  assert.deepEqual(linesOf(decision), ['stop-workspace web (): two of it must not run at once']);
  assert.deepEqual(movesOf(decision.steps, state), ['stop web.agora-previous']);
});

test('steps that bring a workspace back are not cut short once it was stopped', async () => {
  const state = await settledState({ workspaces: { web } });
  const host = new SimulatedHost(state);
  const changed = aTarget(aSpec({ workspaces: { web: { ...web, env: { A: '1' } } } }), { revision: 2 });

  for (let calls = 1; calls < 12; calls += 1) {
    await host.begin(changed, calls);
    assert.equal(state.containerOf('web')?.status, 'running', `cut short after ${calls} calls`);
    await host.converge(aTarget(aSpec({ workspaces: { web } }), { revision: 3 }));
  }
});

test('hundreds of workspaces that wait for each other are sorted out at once', async () => {
  const count = 400;
  const names = Array.from({ length: count }, (_, index) => index);
  const on = (shift: number) => ({
    workspaces: Object.fromEntries(
      names.map((index) => [
        `w-${index + 1_000}`,
        { ...web, ports: [{ container: 80, host: 2_000 + ((index + shift) % count) }] },
      ]),
    ),
  });
  const state = await settledState(on(0));
  const startedAt = performance.now();

  const decision = await decide(state, on(1));

  assert.deepEqual(linesOf(decision), ['replace-workspace w-1000 (): its spec changed']);
  assert.ok(performance.now() - startedAt < 5_000);
});

test('the one before is not put back where its port is now declared for another workspace', async () => {
  const on81 = { ...web, ports: [{ container: 80, host: 81 }] };
  const state = await settledState({ workspaces: { web: on81 } });
  const host = new SimulatedHost(state);
  state.registry.set('crashes:1', 'image-crashes');
  state.fates.set('image-crashes', 'crashes');
  const moved = { workspaces: { other: on81, web: { image: 'crashes:1' } } };
  const target = aTarget(aSpec(moved), { revision: 2 });

  for (let passes = 0; passes < 30; passes += 1) {
    await host.begin(target, 1_000);
    state.advance(1_000);
  }

  const found = [...state.containers.values()].map(({ name, imageId }) => `${name} ${imageId}`);
  assert.deepEqual(found.sort(), ['other image-1', 'web image-crashes']);
});
