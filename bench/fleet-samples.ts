import type { HostFacts } from '../src/contracts/fleet.ts';
import { hostLabels } from '../src/contracts/fleet-names.ts';
import type { HostObservation } from '../src/contracts/host-observation.ts';
import { type HostSpec, hostSpecSchema } from '../src/contracts/host-spec.ts';
import type { MetricsSample } from '../src/contracts/metrics.ts';
import { workspaceDigest } from '../src/reconcile/spec-digest.ts';

const gibibyte = 2 ** 30;

/** What a host is declared to run: so many small workspaces. */
export function specOf(image: string, count: number, env: Readonly<Record<string, string>> = {}): HostSpec {
  // A `sleep` does not hear SIGTERM.
  const workspace = { image, command: ['sleep', '100000'], env, stopGrace: 0 };
  const names = Array.from({ length: count }, (_, index) => `w${index}`);
  return hostSpecSchema.parse({
    schemaVersion: 1,
    workspaces: Object.fromEntries(names.map((name) => [name, workspace])),
  });
}

export const simulatedFacts: HostFacts = {
  agentVersion: '0.0.0',
  operatingSystem: 'Debian GNU/Linux 12 (bookworm)',
  kernel: '6.1.0-28-amd64',
  architecture: 'amd64',
  cpus: 8,
  memoryBytes: 16 * gibibyte,
  engine: { name: 'docker', version: '28.2.2', address: 'unix:///var/run/docker.sock' },
  gpus: [],
  isContainer: false,
  metricsFrom: 'host',
};

/** A sample of a host with 8 processors, in which all figures move and none is a reason for an alert. */
export function simulatedSample(workspaces: readonly string[]): MetricsSample {
  const share = () => Math.round(Math.random() * 10_000) / 10_000;
  const rate = () => Math.round(Math.random() * 1e7);
  const traffic = () => ({ receivedBytesPerSecond: rate(), sentBytesPerSecond: rate() });
  const transfer = () => ({ readBytesPerSecond: rate(), writeBytesPerSecond: rate() });
  const memory = (total: number) => ({ totalBytes: Math.floor(total), usedBytes: Math.floor((total * share()) / 2) });
  return {
    at: new Date().toISOString(),
    host: {
      cpu: share(),
      cpus: Array.from({ length: 8 }, share),
      load: [share(), share(), share()],
      memory: { ...memory(16 * gibibyte), availableBytes: Math.floor(16 * gibibyte * share()) },
      swap: memory(gibibyte),
      disks: ['/', '/var/lib/docker', '/srv'].map((path) => ({
        path,
        ...memory(512 * gibibyte * (1 - share() / 100)),
        availableBytes: Math.floor(128 * gibibyte * (1 + share())),
      })),
      io: transfer(),
      network: traffic(),
      processes: 180 + Math.floor(20 * share()),
      pressure: { cpu: share(), memory: share(), io: share() },
      uptimeSeconds: 1e6 * share(),
    },
    workspaces: workspaces.map((name) => ({
      name,
      cpus: share(),
      memoryBytes: Math.floor(gibibyte * share()),
      memoryLimitBytes: gibibyte,
      io: transfer(),
      network: traffic(),
      processes: 12,
      restarts: 0,
    })),
  };
}

/** An engine with what is declared, and a few images. */
export function simulatedObservation(hostId: string, { workspaces }: HostSpec): HostObservation {
  const imageId = `sha256:${'a'.repeat(64)}`;
  return {
    observedAt: new Date().toISOString(),
    networks: ['bridge', 'host', 'none'].map((name) => ({ id: name.repeat(8), name, driver: name, labels: {} })),
    volumes: [],
    images: Array.from({ length: 5 }, (_, index) => ({
      id: index === 0 ? imageId : `sha256:${String(index).repeat(64)}`,
      tags: [index === 0 ? 'bench:1' : `other:${index}`],
      repositoryDigests: [],
      sizeBytes: 5_000_000,
      labels: {},
    })),
    containers: Object.entries(workspaces).map(([name, spec]) => ({
      id: name.padEnd(64, '0'),
      name,
      imageId,
      labels: {
        [hostLabels.host]: hostId,
        [hostLabels.kind]: 'workspace',
        [hostLabels.name]: name,
        [hostLabels.spec]: workspaceDigest(spec),
      },
      status: 'running',
      health: 'none',
      exitCode: 0,
      isOutOfMemory: false,
      error: '',
      restartCount: 0,
      startedAt: new Date().toISOString(),
      networks: ['bridge'],
    })),
  };
}
