import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aSpec } from '../../test/support/settled-host.ts';
import { aTarget } from '../../test/support/simulated-host.ts';
import { SimulatedHostEngine } from '../../test/support/simulated-host-engine.ts';
import { SimulatedState } from '../../test/support/simulated-state.ts';
import { waitUntil } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import { defaultHostSettings } from '../contracts/fleet.ts';
import { buildSpecSchema, networkSpecSchema } from '../contracts/host-spec.ts';
import type { HostEngine } from '../engine/host-engine.ts';
import type { Move } from '../reconcile/step.ts';
import type { MoveContext } from './apply-moves.ts';
import { HostKeeper } from './host-keeper.ts';
import { aDecision, aRunner, aStep, contextWith } from './suite-steps.ts';

test('steps are taken after those they need, at most so many at once', async () => {
  const { runner } = aRunner({ concurrency: 2 });
  const log: string[] = [];
  let running = 0;
  let most = 0;
  const startContainer = async (name: string) => {
    running += 1;
    most = Math.max(most, running);
    log.push(name);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
  };
  const steps = [aStep('a'), aStep('b'), aStep('c'), aStep('d', { after: [2] }), aStep('e', { after: [0, 3] })];

  await runner.apply(aDecision(steps), contextWith({ startContainer }), new AbortController().signal);

  assert.deepEqual(log, ['a', 'b', 'c', 'd', 'e']);
  assert.equal(most, 2);
});

test('what needs a step that failed is left for later, and what does not is done', async () => {
  const { runner, reports, outcomes } = aRunner();
  const startContainer = async (name: string) => {
    if (name === 'a')
      throw new AppError('invalid-input', 'Cannot start "a": its port is taken', { next: 'Declare another one.' });
  };

  const applied = await runner.apply(
    aDecision([aStep('a'), aStep('b', { after: [0] }), aStep('c')]),
    contextWith({ startContainer }),
    new AbortController().signal,
  );

  assert.deepEqual(reports, ['a waiting', 'b waiting', 'c waiting', 'a running', 'c running', 'a failed', 'c done']);
  assert.deepEqual(outcomes, [
    [
      'a',
      { is: 'failed', code: 'invalid-input', message: 'Cannot start "a": its port is taken. Declare another one.' },
    ],
    ['c', { is: 'done', imageId: undefined }],
  ]);
  assert.equal(applied.isEngineGone, false);
});

test('a newer target ends a round between two moves, and nothing is held against the step', async () => {
  const { runner, reports, outcomes } = aRunner({ concurrency: 1 });
  const controller = new AbortController();
  const startContainer = async () => controller.abort();
  const moves: Move[] = [
    { do: 'start', container: 'a' },
    { do: 'rename', container: 'a', to: 'b' },
  ];

  await runner.apply(
    aDecision([aStep('a', { moves }), aStep('b')]),
    contextWith({ startContainer }),
    controller.signal,
  );

  assert.deepEqual(reports, ['a waiting', 'b waiting', 'a running', 'a cancelled']);
  assert.deepEqual(outcomes, []);
});

test('containers that were taken off a network to make it again are put on it though the round ended, and nothing else is begun', async () => {
  const { runner } = aRunner();
  const round = new AbortController();
  const log: string[] = [];
  const context = contextWith({
    disconnectNetwork: async () => round.abort(),
    removeNetwork: async () => void log.push('remove'),
    createNetwork: async () => String(log.push('create')),
    connectNetwork: async () => void log.push('connect'),
    startContainer: async () => void log.push('start'),
  });
  const network = 'net';
  const steps = [
    aStep('net', {
      kind: 'remove-network',
      moves: [
        { do: 'disconnect', network, container: 'a' },
        { do: 'remove-network', network },
      ],
    }),
    aStep('net', {
      kind: 'create-network',
      after: [0],
      moves: [{ do: 'create-network', network, spec: networkSpecSchema.parse({}), labels: {} }],
    }),
    aStep('a', { kind: 'connect-network', after: [1], moves: [{ do: 'connect', network, container: 'a' }] }),
    aStep('other'),
  ];

  await runner.apply(aDecision(steps), { ...context, hurry: new AbortController().signal }, round.signal);

  assert.deepEqual(log, ['remove', 'create', 'connect']);
});

test('an engine that does not answer is told, and nothing is held against the step', async () => {
  const { runner, outcomes } = aRunner();
  const startContainer = async () => {
    throw new AppError('unreachable', 'Cannot reach the engine');
  };

  const applied = await runner.apply(
    aDecision([aStep('a')]),
    contextWith({ startContainer }),
    new AbortController().signal,
  );

  assert.equal(applied.isEngineGone, true);
  assert.deepEqual(outcomes, []);
});

test('a pull holds up nothing else, goes on while it is wanted and ends when it is not', async () => {
  const { runner, reports } = aRunner();
  const pull: HostEngine['pull'] = (_, { signal } = {}) =>
    new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
  const context = contextWith({ pull, startContainer: async () => {} });
  const { signal } = new AbortController();
  const image = aStep('image', {
    kind: 'pull-image',
    attempt: 'pull-image image',
    moves: [{ do: 'pull', reference: 'busybox', tag: undefined }],
  });

  await runner.apply(aDecision([image, aStep('a', { after: [0] }), aStep('b')]), context, signal);
  assert.deepEqual([...runner.underWay.keys()], ['pull-image image']);
  assert.ok(reports.includes('b done') && !reports.includes('a running'));

  await runner.apply(aDecision([], ['pull-image image']), context, signal);
  assert.equal(runner.underWay.size, 1);

  await runner.apply(aDecision([]), context, signal);
  assert.equal(runner.underWay.size, 0);
  assert.equal(reports.at(-1), 'image cancelled');
});

test('a build is told as one that waits until its turn has come', async () => {
  const { runner, reports, outcomes } = aRunner();
  const turns: (() => void)[] = [];
  const buildImage: MoveContext['buildImage'] = ({ image, onBegun }) =>
    new Promise((resolve) =>
      turns.push(
        () => resolve(image),
        () => onBegun?.(),
      ),
    );
  const spec = buildSpecSchema.parse({ context: '.' });
  const steps = ['one', 'two'].map((name) =>
    aStep(name, { kind: 'build-image', moves: [{ do: 'build', image: name, spec, tag: name, labels: {} }] }),
  );

  await runner.apply(aDecision(steps), { ...contextWith({}), buildImage }, new AbortController().signal);
  const before = [...reports];
  for (const turn of turns.reverse()) turn();
  await waitUntil('both to end', () => outcomes.length === 2);

  assert.deepEqual(before, ['one waiting', 'two waiting']);
  assert.deepEqual(reports.slice(2).sort(), ['one done', 'one running', 'two done', 'two running']);
});

test('a pull that takes longer than the host allows has failed', async () => {
  const { runner, outcomes } = aRunner();
  const pull: HostEngine['pull'] = (_, { signal } = {}) =>
    new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
  const context = { ...contextWith({ pull }), settings: { ...defaultHostSettings, pullTimeoutSeconds: 0.01 } };
  const moves: Move[] = [{ do: 'pull', reference: 'busybox', tag: undefined }];

  await runner.apply(aDecision([aStep('i', { kind: 'pull-image', moves })]), context, new AbortController().signal);
  // The deadline's timer keeps no process alive: the wait does.
  await waitUntil('the pull to fail', () => outcomes.length > 0);

  assert.deepEqual(outcomes, [
    ['i', { is: 'failed', code: 'limit-exceeded', message: 'Cannot pull "busybox": not done after 0.01 s' }],
  ]);
  await runner.close();
});

test('the memory is kept before anything is done, and only when it changed', async () => {
  const state = new SimulatedState();
  state.registry.set('busybox:1', 'image-1');
  const log: string[] = [];
  const keeper = new HostKeeper({
    engine: new SimulatedHostEngine(state, (call) => {
      log.push(call);
      return 'none';
    }),
    save: async () => void log.push('save'),
    now: () => state.nowMs,
    buildImage: async () => 'built',
    openSecrets: async () => ({}),
  });
  const target = aTarget(aSpec({ volumes: { data: {} } }));

  await keeper.pass(target, new AbortController().signal);
  await keeper.pass(target, new AbortController().signal);
  const saves = log.filter((call) => call === 'save').length;
  await keeper.pass(target, new AbortController().signal);

  assert.ok(log.indexOf('save') < log.indexOf('createVolume'));
  assert.equal(log.filter((call) => call === 'save').length, saves);
  await keeper.close();
});
