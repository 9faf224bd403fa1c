import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, linesOf, messagesOf, settledState } from '../../test/support/settled-host.ts';
import { SimulatedState } from '../../test/support/simulated-state.ts';
import { defaultHostSettings } from '../contracts/fleet.ts';
import { emptyMemory } from './memory.ts';
import { remember } from './remember.ts';

const web = { image: 'busybox:1' };
const whole = {
  networks: { front: {} },
  volumes: { data: {} },
  images: { app: { build: { context: 'c' } } },
  workspaces: {
    api: { image: 'app', networks: ['front'] },
    web: { ...web, mounts: [{ type: 'volume', volume: 'data', target: '/data' }] },
  },
};

test('on a new host what others need comes first, and what is independent at once', async () => {
  const decision = await decide(new SimulatedState(), whole);

  assert.deepEqual(linesOf(decision), [
    'create-network front (): it is not there',
    'create-volume data (): it is not there',
    'build-image app (): it is not there',
    'create-workspace api (0,2): it is not there',
    'pull-image busybox:1 (): it is not there',
    'create-workspace web (1,4): it is not there',
  ]);
  assert.deepEqual(
    decision.workspaces.map(({ name, state }) => `${name} ${state}`),
    ['api building', 'web pulling'],
  );
});

test('on a host that is as declared nothing is done', async () => {
  const decision = await decide(await settledState(whole), whole);

  assert.deepEqual(linesOf(decision), []);
  assert.deepEqual(
    decision.workspaces.map(({ name, state }) => `${name} ${state}`),
    ['api running', 'web running'],
  );
});

const changes: readonly [what: string, change: Record<string, unknown>, steps: readonly string[]][] = [
  ['its variables', { env: { A: '1' } }, ['replace-workspace web (): its spec changed']],
  [
    'its image',
    { image: 'busybox:2' },
    ['pull-image busybox:2 (): it is not there', 'replace-workspace web (0): its spec changed'],
  ],
  ['whether it runs', { running: false }, ['stop-workspace web (): it is declared not to run']],
  ['its input', { stdin: true }, ['replace-workspace web (): its spec changed']],
  ['its terminal', { tty: true }, ['replace-workspace web (): its spec changed']],
  ['no input and no terminal, said', { stdin: false, tty: false }, []],
  ['how it is updated', { updateStrategy: { order: 'start-first' } }, []],
  ['its grace', { stopGrace: '1m' }, []],
  ['its memory, written otherwise', { memory: 64 * 1024 * 1024 }, []],
];
for (const [what, change, steps] of changes) {
  test(`a workspace is made again only when it must be: ${what}`, async () => {
    const before = { ...web, memory: '64m' };
    const state = await settledState({ workspaces: { web: before } });

    assert.deepEqual(linesOf(await decide(state, { workspaces: { web: { ...before, ...change } } })), steps);
  });
}

test('a workspace follows its image where that is asked for with each change, and not otherwise', async () => {
  const withPolicy = (policy: string) => ({ images: { box: { pull: 'busybox:1', policy } }, workspaces: { web } });
  const state = await settledState({ workspaces: { web } });
  state.addImage({ id: 'image-new' });
  state.moveTag('busybox:1', 'image-new');
  const memory = { ...emptyMemory, images: { box: { revision: 1 } } };

  assert.deepEqual(linesOf(await decide(state, withPolicy('missing'))), []);
  assert.deepEqual(linesOf(await decide(state, withPolicy('always'), { memory })), [
    'replace-workspace web (): its image changed',
  ]);
  assert.deepEqual(linesOf(await decide(state, withPolicy('always'), { memory, target: { revision: 2 } })), [
    'pull-image box (): it is asked for again with each change',
  ]);
});

test('a secret that has another value makes its workspace again', async () => {
  const spec = { workspaces: { web: { ...web, secrets: { KEY: 'env:KEY' } } } };
  const state = await settledState(spec);

  const decision = await decide(state, spec, { target: { secretDigests: { 'env:KEY': 'another' } } });

  assert.deepEqual(linesOf(decision), ['replace-workspace web (): its spec changed']);
});

test('what is not declared any more goes, networks after the workspaces that were on them', async () => {
  const decision = await decide(await settledState(whole), {});

  assert.deepEqual(linesOf(decision), [
    'remove-workspace api (): it is not declared any more',
    'remove-workspace web (): it is not declared any more',
    'remove-network front (0,1): it is not declared any more',
  ]);
});

test('an image that we built goes once nothing is made of it, one that others named or use does not', async () => {
  const images = { app: { build: { context: 'c' } } };
  const unused = await settledState({ images });
  const named = await settledState({ images });
  for (const image of named.images.values()) image.tags.push('their:name');
  const used = await settledState({ images });
  for (const { id } of used.images.values()) used.addContainer({ name: 'theirs', imageId: id });

  assert.deepEqual(linesOf(await decide(unused, {})), [
    'remove-image app (): it is not declared any more, and nothing is made of it',
  ]);
  assert.deepEqual(linesOf(await decide(named, {})), []);
  assert.deepEqual(linesOf(await decide(used, {})), []);
});

test('an image that we built and cannot remove, because others build on it, is no problem of the host', async () => {
  const state = await settledState({ images: { app: { build: { context: 'c' } } } });
  const { steps, memory } = await decide(state, {});
  const [step] = steps;
  assert.ok(step !== undefined);
  const outcome = { is: 'failed', message: 'Cannot remove image: it has dependent child images' } as const;

  const after = await decide(
    state,
    {},
    {
      memory: remember(memory, { step, outcome, revision: 1, now: state.nowMs }),
    },
  );

  assert.deepEqual([after.steps, after.problems, after.isSettled], [[], [], true]);
  assert.equal(after.wakeAt, state.nowMs + 1_000);
});

test('an image that is named by tag and digest is there when its digest is', async () => {
  const state = await settledState();
  state.addImage({ id: 'image-9', repositoryDigests: ['busybox@sha256:ab'] });

  const decision = await decide(state, { workspaces: { web: { image: 'busybox:1@sha256:ab' } } });

  assert.deepEqual(linesOf(decision), ['create-workspace web (): it is not there']);
});

test('an image that we built keeps its tag when it is declared under another name', async () => {
  const build = { context: 'c' };
  const state = await settledState({ images: { app: { tag: 'app:1', build } } });
  const [id = ''] = state.images.keys();
  const memory = { ...emptyMemory, builtImages: [id] };

  const decision = await decide(state, { images: { application: { tag: 'app:1', build } } }, { memory });

  assert.deepEqual(linesOf(decision), ['build-image application (): what it is built from changed']);
});

test('a host that is disabled is left as it is', async () => {
  const settings = { ...defaultHostSettings, enabled: false };

  const decision = await decide(await settledState(whole), {}, { target: { settings } });

  assert.deepEqual(decision.steps, []);
  assert.deepEqual(decision.problems, []);
});

test('with less free space than the reserve nothing is pulled, built or created, and what is there still starts', async () => {
  const state = await settledState({ workspaces: { web } });
  for (const container of state.containers.values()) container.status = 'exited';
  const spec = { volumes: { data: {} }, workspaces: { web, other: { image: 'busybox:2' } } };
  const disk = { freeBytes: 10, totalBytes: 100 };

  const decision = await decide(state, spec, { seen: (observed) => ({ ...observed, disk }) });

  assert.deepEqual(linesOf(decision), ['start-workspace web (): it does not run']);
  assert.deepEqual(messagesOf(decision), [
    'disk: Cannot pull, build or create: 10 bytes are free, less than the reserve of 1073741824',
  ]);
  assert.equal(decision.workspaces.find(({ name }) => name === 'other')?.reason, 'there is no space for its image');
});

test('a host is as declared once health checks say so, and not while one waits or fails', async () => {
  const spec = { workspaces: { web: { ...web, health: { command: ['true'] } } } };
  const state = await settledState(spec);
  const settledWith = async (health: 'starting' | 'healthy' | 'unhealthy') => {
    const { isSettled } = await decide(state, spec, {
      seen: (observed) => ({ ...observed, containers: observed.containers.map((one) => ({ ...one, health })) }),
    });
    return isSettled;
  };

  const settled = [await settledWith('starting'), await settledWith('unhealthy'), await settledWith('healthy')];

  assert.deepEqual(settled, [false, false, true]);
});

test('without its server a workspace that says so is stopped after its time, and started when it is back', async () => {
  const spec = { workspaces: { web: { ...web, onDisconnect: { action: 'stop', after: '5m' } } } };
  const state = await settledState(spec);

  const early = await decide(state, spec, { target: { awayMs: 100_000 } });
  const late = await decide(state, spec, { target: { awayMs: 300_000 } });

  assert.deepEqual(linesOf(early), []);
  assert.equal(early.wakeAt, state.nowMs + 200_000);
  assert.deepEqual(linesOf(late), ['stop-workspace web (): the server has been away for 5m or longer']);
  for (const container of state.containers.values()) container.status = 'exited';
  const back = await decide(state, spec, { memory: late.memory });
  assert.deepEqual(linesOf(back), ['start-workspace web (): it does not run']);
});

test('a step that failed waits longer each time, and is tried at once when its spec changes', async () => {
  const state = new SimulatedState();
  const spec = { workspaces: { web } };
  const { steps, memory } = await decide(state, spec);
  const [step] = steps;
  assert.ok(step !== undefined);
  const outcome = { is: 'failed', message: 'Cannot pull "busybox:1": no such image' } as const;
  const now = state.nowMs;
  const once = remember(memory, { step, outcome, revision: 1, now });
  const twice = remember(once, { step, outcome, revision: 1, now });

  const held = await decide(state, spec, { memory: twice });
  const later = await decide(state, spec, { memory: twice, now: now + 2_000 });
  const changed = await decide(state, { workspaces: { web: { image: 'busybox:2' } } }, { memory: twice });

  assert.deepEqual(linesOf(held), []);
  assert.equal(held.wakeAt, now + 2_000);
  assert.deepEqual(messagesOf(held), ['busybox:1: Cannot pull "busybox:1": no such image (tried 2 times)']);
  assert.match(held.problems[0]?.next ?? '', /^It is tried again 2 s after that;/);
  assert.equal(held.workspaces[0]?.reason, 'its image "busybox:1" could not be pulled');
  assert.equal(linesOf(later)[0], 'pull-image busybox:1 (): it is not there');
  assert.equal(linesOf(changed)[0], 'pull-image busybox:2 (): it is not there');
});

test('work on an image that goes on is not begun again, and is told while it is wanted', async () => {
  const underWay = new Map([['pull-image busybox:1', 'busybox:1 ']]);

  const wanted = await decide(new SimulatedState(), { workspaces: { web } }, { underWay });
  const unwanted = await decide(new SimulatedState(), {}, { underWay });

  assert.deepEqual(linesOf(wanted), []);
  assert.deepEqual(wanted.underWay, ['pull-image busybox:1']);
  assert.equal(wanted.isSettled, false);
  assert.equal(wanted.workspaces[0]?.state, 'pulling');
  assert.deepEqual(unwanted.underWay, []);
});

test('a step that somebody ended is not tried again until something is declared anew', async () => {
  const state = new SimulatedState();
  const spec = { workspaces: { web } };
  const { steps, memory } = await decide(state, spec);
  const [step] = steps;
  assert.ok(step !== undefined);
  const outcome = { is: 'failed', message: 'Somebody ended it', code: 'interrupted' } as const;
  const now = state.nowMs + 1_000_000;
  const held = remember(memory, { step, outcome, revision: 1, now: state.nowMs });

  const same = await decide(state, spec, { memory: held, now });
  const anew = await decide(state, spec, { memory: held, now, target: { revision: 2 } });

  assert.deepEqual(linesOf(same), []);
  assert.deepEqual(messagesOf(same), ['busybox:1: Somebody ended it']);
  assert.equal(linesOf(anew)[0], 'pull-image busybox:1 (): it is not there');
});

test('an image whose build ended while the host was observed is remembered as ours', async () => {
  const memory = { ...emptyMemory, builtImages: ['image-new'] };

  const during = await decide(new SimulatedState(), {}, { memory, underWay: new Map([['build-image app', 'x']]) });
  const after = await decide(new SimulatedState(), {}, { memory });

  assert.deepEqual([during.memory.builtImages, after.memory.builtImages], [['image-new'], []]);
});
