import assert from 'node:assert/strict';
import fc from 'fast-check';
import { hostLabels } from '../../src/contracts/fleet-names.ts';
import { type HostSpec, hostSpecSchema, type WorkspaceSpec } from '../../src/contracts/host-spec.ts';
import { checkSpec } from '../../src/reconcile/check-spec.ts';
import { simulatedHostId } from './simulated-host.ts';
import { SimulatedState } from './simulated-state.ts';

const workspaceNames = ['a', 'b', 'constructor'];
const networkNames = ['n1', 'n2'];
const volumeNames = ['v1', 'v2'];

const workspaceArbitrary = fc.record({
  image: fc.constantFrom('good:1', 'good:2', 'built', 'moving:1'),
  env: fc.constantFrom<Record<string, string>>({}, { LEVEL: 'debug' }),
  networks: fc.subarray(networkNames),
  volumes: fc.subarray(volumeNames),
  port: fc.constantFrom(undefined, 80, 81),
  hasCheck: fc.boolean(),
  isRunning: fc.constantFrom(true, true, true, false),
  restart: fc.constantFrom('unless-stopped', 'no'),
  order: fc.constantFrom('stop-first' as const, 'start-first' as const),
});
export interface Sketch {
  readonly image: string;
  readonly env: Readonly<Record<string, string>>;
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
  readonly port: number | undefined;
  readonly hasCheck: boolean;
  readonly isRunning: boolean;
  readonly restart: string;
  readonly order: 'stop-first' | 'start-first';
}

export const specArbitrary = fc.record({
  workspaces: fc.dictionary(fc.constantFrom(...workspaceNames), workspaceArbitrary, { maxKeys: 3 }),
  networks: fc.dictionary(fc.constantFrom(...networkNames), fc.record({ internal: fc.boolean() })),
  volumes: fc.dictionary(fc.constantFrom(...volumeNames), fc.record({ removeWithSpec: fc.boolean() })),
  context: fc.constantFrom('one', 'two'),
});

/** The spec of a sketch, less what would make it one that is refused. */
export function specOf(sketch: {
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
        restart: workspace.restart,
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
export function stateWithOthers(): SimulatedState {
  const state = new SimulatedState();
  for (const reference of ['good:1', 'good:2', 'moving:1', 'crashes:1', 'sick:1', 'stuck:1']) {
    state.registry.set(reference, `image-${reference}`);
  }
  state.fates.set('image-crashes:1', 'crashes');
  state.fates.set('image-sick:1', 'sick');
  state.fates.set('image-stuck:1', 'does-not-start');
  state.addImage({ id: 'image-foreign', tags: ['foreign:latest'] });
  state.addContainer({ name: 'foreign', status: 'running', labels: { [hostLabels.host]: 'h-other' } });
  state.addContainer({ name: 'copy', status: 'running', labels: ours('workspace', 'a') });
  state.addContainer({ name: 'run-of-built', status: 'running', labels: ours('image', 'built') });
  state.addImage({ id: 'image-child', tags: ['child:latest'], labels: ours('image', 'built') });
  state.addImage({ id: 'image-nameless-child', labels: ours('image', 'built') });
  state.networks.set('bridge', { id: 'bridge', name: 'bridge', driver: 'bridge', labels: {} });
  state.networks.set('others', { id: 'others', name: 'others', driver: 'bridge', labels: {} });
  state.volumes.set('others', { name: 'others', driver: 'local', labels: {} });
  return state;
}

export function ours(kind: string, name: string): Record<string, string> {
  return {
    [hostLabels.host]: simulatedHostId,
    [hostLabels.kind]: kind,
    [hostLabels.name]: name,
    [hostLabels.spec]: 'x',
  };
}

export const others = new Set([
  'foreign',
  'copy',
  'run-of-built',
  'others',
  'bridge',
  'image-child',
  'image-nameless-child',
]);

/** Notes whatever must never happen, whoever dies when. */
export function guard(state: SimulatedState, marked: () => ReadonlySet<string>): void {
  state.onTouch = ({ action, name, labels }) => {
    state.never(others.has(name), `${action} "${name}", which is not ours`);
    state.never(labels[hostLabels.host] !== simulatedHostId, `${action} "${name}" of another host`);
    state.never(action === 'remove volume' && !marked().has(name), `volume "${name}" was not declared to go`);
  };
}

export function runningOf(state: SimulatedState, workspace: string): number {
  return [...state.containers.values()].filter(
    ({ labels, name, status }) => labels[hostLabels.name] === workspace && !others.has(name) && status === 'running',
  ).length;
}

export function assertAsDeclared(state: SimulatedState, spec: HostSpec, kept: ReadonlySet<string>): void {
  assert.deepEqual(state.violations, []);
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
  // The engine's own network matters to what runs.
  if (spec.running || spec.networks.length > 0) assert.deepEqual([...container.networks].sort(), networks.sort());
  const image = spec.image === 'built' ? 'agora-build/built:latest' : spec.image;
  assert.ok(state.images.get(container.imageId)?.tags.includes(image), `"${container.name}" is of ${image}`);
}

const statuses = ['created', 'running', 'exited', 'dead'] as const;

/** What may be there of an agent's work, or of somebody's who tampered with it. */
export const leftoversArbitrary = fc.record({
  containers: fc.dictionary(
    fc
      .tuple(fc.constantFrom(...workspaceNames, 'gone'), fc.constantFrom('', '.agora-next', '.agora-previous'))
      .map((parts) => parts.join('')),
    fc.constantFrom(...statuses),
  ),
  networks: fc.subarray([...networkNames, 'gone']),
  volumes: fc.subarray([...volumeNames, 'gone']),
  markedVolumes: fc.subarray([...volumeNames, 'gone']),
});
type Leftovers = typeof leftoversArbitrary extends fc.Arbitrary<infer T> ? T : never;

export function addLeftovers(state: SimulatedState, { containers, networks, volumes, markedVolumes }: Leftovers): void {
  for (const [name, status] of Object.entries(containers)) {
    const labels = ours('workspace', name.replace(/\.agora-.*$/, ''));
    const startedAtMs = status === 'created' ? undefined : state.nowMs;
    state.addContainer({ name, status, labels, startedAtMs, networks: new Set(networks) });
  }
  for (const name of networks) {
    state.networks.set(name, { id: state.id('network'), name, driver: 'bridge', labels: ours('network', name) });
  }
  for (const name of volumes) {
    const mark = markedVolumes.includes(name) ? { [hostLabels.removeWithSpec]: 'true' } : {};
    state.volumes.set(name, { name, driver: 'local', labels: { ...ours('volume', name), ...mark } });
  }
}
