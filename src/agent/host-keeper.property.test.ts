import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { aTarget, SimulatedHost, simulatedHostId } from '../../test/support/simulated-host.ts';
import type { Fault } from '../../test/support/simulated-host-engine.ts';
import { SimulatedState } from '../../test/support/simulated-state.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import { type HostSpec, hostSpecSchema, type WorkspaceSpec } from '../contracts/host-spec.ts';
import { checkSpec } from '../reconcile/check-spec.ts';

const workspaceNames = ['a', 'b', 'constructor'];
const networkNames = ['n1', 'n2'];
const volumeNames = ['v1', 'v2'];

const workspaceArbitrary = fc.record({
  image: fc.constantFrom('good:1', 'good:2', 'built', 'moving:1'),
  env: fc.constantFrom({}, { LEVEL: 'debug' }),
  networks: fc.subarray(networkNames),
  volumes: fc.subarray(volumeNames),
  port: fc.constantFrom(undefined, 80, 81),
  hasCheck: fc.boolean(),
  isRunning: fc.constantFrom(true, true, true, false),
  order: fc.constantFrom('stop-first' as const, 'start-first' as const),
});
type Sketch = (typeof workspaceArbitrary extends fc.Arbitrary<infer T> ? T : never) & {};

const specArbitrary = fc.record({
  workspaces: fc.dictionary(fc.constantFrom(...workspaceNames), workspaceArbitrary, { maxKeys: 3 }),
  networks: fc.dictionary(fc.constantFrom(...networkNames), fc.record({ internal: fc.boolean() })),
  volumes: fc.dictionary(fc.constantFrom(...volumeNames), fc.record({ removeWithSpec: fc.boolean() })),
  context: fc.constantFrom('one', 'two'),
});

/** The spec of a sketch, less what would make it one that is refused. */
function specOf(sketch: {
  workspaces: Record<string, Sketch>;
  networks: Record<string, unknown>;
  volumes: Record<string, unknown>;
  context: string;
}): HostSpec {
  const ports = new Set<number>();
  const workspaces = Object.entries(sketch.workspaces).map(([name, workspace]) => {
    const { port, order } = workspace;
    const isFree = port !== undefined && order === 'stop-first' && !ports.has(port);
    if (isFree) ports.add(port);
    return [
      name,
      {
        image: workspace.image,
        env: workspace.env,
        networks: workspace.networks.filter((network) => Object.hasOwn(sketch.networks, network)),
        mounts: workspace.volumes
          .filter((volume) => Object.hasOwn(sketch.volumes, volume))
          .map((volume) => ({ type: 'volume', volume, target: `/${volume}` })),
        ports: isFree ? [{ container: 80, host: port }] : [],
        ...(workspace.hasCheck ? { health: { command: ['true'] } } : {}),
        running: workspace.isRunning,
        updateStrategy: { order },
      },
    ];
  });
  const images = {
    built: { build: { context: sketch.context } },
    moving: { pull: 'moving:1', policy: 'always' },
  };
  const { networks, volumes } = sketch;
  const spec = hostSpecSchema.parse({
    schemaVersion: 1,
    networks,
    volumes,
    images,
    workspaces: Object.fromEntries(workspaces),
  });
  assert.deepEqual(checkSpec(spec), []);
  return spec;
}

/** An engine that others use too: some names are taken, and some look as if they were ours. */
function stateWithOthers(): SimulatedState {
  const state = new SimulatedState();
  for (const reference of ['good:1', 'good:2', 'moving:1']) state.registry.set(reference, `image-${reference}`);
  state.addImage({ id: 'image-foreign', tags: ['foreign:latest'] });
  state.addContainer({ name: 'foreign', status: 'running', labels: { [hostLabels.host]: 'h-other' } });
  state.addContainer({ name: 'copy', status: 'running', labels: ours('workspace', 'a') });
  state.addContainer({ name: 'run-of-built', status: 'running', labels: ours('image', 'built') });
  state.addImage({ id: 'image-child', tags: ['child:latest'], labels: ours('image', 'built') });
  state.addImage({ id: 'image-nameless-child', labels: ours('image', 'built') });
  state.networks.set('others', { id: 'others', name: 'others', driver: 'bridge', labels: {} });
  state.volumes.set('others', { name: 'others', driver: 'local', labels: {} });
  return state;
}

function ours(kind: string, name: string): Record<string, string> {
  return {
    [hostLabels.host]: simulatedHostId,
    [hostLabels.kind]: kind,
    [hostLabels.name]: name,
    [hostLabels.spec]: 'x',
  };
}

const others = new Set(['foreign', 'copy', 'run-of-built', 'others', 'image-child', 'image-nameless-child']);

/** Fails on whatever must never happen, whoever dies when. */
function guard(state: SimulatedState, marked: () => ReadonlySet<string>): void {
  state.onTouch = ({ action, name, labels }) => {
    assert.ok(!others.has(name), `${action} "${name}", which is not ours`);
    assert.equal(labels[hostLabels.host], simulatedHostId, `${action} "${name}" of another host`);
    if (action === 'remove volume') assert.ok(marked().has(name), `volume "${name}" was not declared to go`);
  };
}

function runningOf(state: SimulatedState, workspace: string): number {
  return [...state.containers.values()].filter(
    ({ labels, name, status }) => labels[hostLabels.name] === workspace && !others.has(name) && status === 'running',
  ).length;
}

function assertAsDeclared(state: SimulatedState, spec: HostSpec, kept: ReadonlySet<string>): void {
  const containers = [...state.containers.values()].filter(({ name }) => !others.has(name));
  assert.deepEqual(
    containers.map(({ name }) => name).sort(),
    Object.keys(spec.workspaces).sort(),
    'one container each',
  );
  for (const container of containers) assertContainer(state, container, spec.workspaces[container.name]);
  const networks = [...state.networks.keys()].filter((name) => !others.has(name));
  assert.deepEqual(networks.sort(), Object.keys(spec.networks).sort());
  const volumes = [...state.volumes.keys()].filter((name) => !others.has(name));
  assert.deepEqual(volumes.sort(), [...new Set([...Object.keys(spec.volumes), ...kept])].sort());
}

function assertContainer(
  state: SimulatedState,
  container: ReturnType<SimulatedState['addContainer']>,
  spec: WorkspaceSpec | undefined,
): void {
  assert.ok(spec !== undefined);
  assert.equal(container.status === 'running', spec.running, `"${container.name}" is ${container.status}`);
  assert.deepEqual(container.spec?.env, spec.env);
  const networks = spec.networks.length === 0 ? ['bridge'] : [...spec.networks];
  assert.deepEqual([...container.networks].sort(), networks.sort());
  const image = spec.image === 'built' ? 'agora-build/built:latest' : spec.image;
  assert.ok(state.images.get(container.imageId)?.tags.includes(image), `"${container.name}" is of ${image}`);
}

const faults: readonly Fault[] = ['fails', 'lost', 'dies-before', 'dies-after', 'slow'];
const seed = Number(process.env['AGORA_TEST_SEED'] ?? Date.now() % 1_000_000_007);

test('whatever fails and whenever the agent dies, a host becomes as declared and nothing else is touched', async (t) => {
  t.diagnostic(`seed ${seed} (AGORA_TEST_SEED runs it again)`);
  const scenario = fc.record({
    specs: fc.array(specArbitrary, { minLength: 2, maxLength: 3 }),
    faults: fc.array(fc.tuple(fc.nat(60), fc.constantFrom(...faults)), { maxLength: 12 }),
  });
  let lives = 0;
  await fc.assert(
    fc.asyncProperty(scenario, async ({ specs, faults: planned }) => {
      const state = stateWithOthers();
      const marks = new Map<string, boolean>();
      guard(state, () => new Set([...marks].filter(([, goes]) => goes).map(([name]) => name)));
      let calls = 0;
      const at = new Map(planned);
      const host = new SimulatedHost(state, () => at.get(calls++) ?? 'none');
      for (const [index, sketch] of specs.entries()) {
        const spec = specOf(sketch);
        calls = 0;
        for (const [name, volume] of Object.entries(spec.volumes)) marks.set(name, volume.removeWithSpec);
        const steady = Object.entries(spec.workspaces).filter(
          ([name, workspace]) =>
            workspace.running && workspace.updateStrategy.order === 'start-first' && runningOf(state, name) > 0,
        );
        state.onChange = () => {
          for (const [name] of steady) assert.ok(runningOf(state, name) > 0, `"${name}" is not there for a moment`);
        };
        if (index > 0) state.registry.set('moving:1', `image-moved-${index}`);

        const target = aTarget(spec, { revision: index + 1 });
        const { decision } = await host.converge(target);

        const kept = [...marks].filter(([name, goes]) => !goes && state.volumes.has(name)).map(([name]) => name);
        assertAsDeclared(state, spec, new Set(kept));
        assert.deepEqual(decision.steps, []);
      }
      lives += host.lives;
      for (const name of ['foreign', 'copy', 'run-of-built']) assert.equal(state.containerOf(name)?.status, 'running');
    }),
    { numRuns: 300, seed },
  );
  t.diagnostic(`${lives} lives of agents`);
});
