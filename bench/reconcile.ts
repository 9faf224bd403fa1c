import { defaultHostSettings } from '../src/contracts/fleet.ts';
import { hostLabels } from '../src/contracts/fleet-names.ts';
import type { HostObservation } from '../src/contracts/host-observation.ts';
import { type HostSpec, hostSpecSchema } from '../src/contracts/host-spec.ts';
import { emptyMemory } from '../src/reconcile/memory.ts';
import { reconcile } from '../src/reconcile/reconcile.ts';
import { networkDigest, volumeDigest, workspaceDigest } from '../src/reconcile/spec-digest.ts';
import type { Target } from '../src/reconcile/target.ts';

const hostId = 'h-aaaaaaaaaaaaaaaaaaaaaaaaaa';
const rounds = 200;

/** CPU milliseconds of a decision that finds nothing to do, for a host with so many workspaces. */
export function measureReconcile(workspaces: number): number {
  const target = targetOf(workspaces);
  const observed = asDeclared(target.spec);
  const decide = () => reconcile(target, observed, { memory: emptyMemory, now: Date.parse(observed.observedAt) });
  const { steps, isSettled } = decide();
  if (steps.length > 0 || !isSettled) throw new Error('The host is not as declared');
  for (let round = 0; round < rounds; round++) decide();
  const before = process.cpuUsage();
  for (let round = 0; round < rounds; round++) decide();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000 / rounds;
}

function targetOf(count: number): Target {
  const names = Array.from({ length: count }, (_, index) => `w${index}`);
  const workspace = (name: string) => ({
    image: 'app:1',
    command: ['serve', '--name', name],
    env: Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`VARIABLE_${index}`, `value ${index}`])),
    mounts: [{ type: 'volume', volume: `v-${name}`, target: '/data' }],
    networks: ['front'],
    health: { command: ['true'] },
  });
  const spec = hostSpecSchema.parse({
    schemaVersion: 1,
    networks: { front: {} },
    volumes: Object.fromEntries(names.map((name) => [`v-${name}`, {}])),
    workspaces: Object.fromEntries(names.map((name) => [name, workspace(name)])),
  });
  return { hostId, revision: 1, spec, settings: defaultHostSettings };
}

function asDeclared({ networks, volumes, workspaces }: HostSpec): HostObservation {
  const labels = (kind: string, name: string, spec: string) => ({
    [hostLabels.host]: hostId,
    [hostLabels.kind]: kind,
    [hostLabels.name]: name,
    [hostLabels.spec]: spec,
  });
  return {
    observedAt: '2026-01-01T00:01:00.000Z',
    networks: Object.entries(networks).map(([name, spec]) => ({
      id: name,
      name,
      driver: spec.driver,
      labels: labels('network', name, networkDigest(spec)),
    })),
    volumes: Object.entries(volumes).map(([name, spec]) => ({
      name,
      driver: spec.driver,
      labels: labels('volume', name, volumeDigest(spec)),
    })),
    images: [{ id: 'image-1', tags: ['app:1'], repositoryDigests: [], sizeBytes: 1, labels: {} }],
    containers: Object.entries(workspaces).map(([name, spec]) => ({
      id: `id-${name}`,
      name,
      imageId: 'image-1',
      labels: labels('workspace', name, workspaceDigest(spec)),
      status: 'running',
      health: 'healthy',
      exitCode: 0,
      isOutOfMemory: false,
      error: '',
      restartCount: 0,
      startedAt: '2026-01-01T00:00:00.000Z',
      networks: ['front'],
    })),
  };
}

if (import.meta.main) {
  process.stdout.write(`no-op reconcile of 50 workspaces: ${measureReconcile(50).toFixed(2)} ms CPU (target <= 10)\n`);
}
