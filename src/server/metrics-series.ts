import type { HostSettings } from '../contracts/fleet.ts';
import type { GpuSample, HostSample, MetricsSample, WorkspaceSample } from '../contracts/metrics.ts';
import type { MetricKind } from '../contracts/routes-metrics.ts';

/** Undefined is not known, and left out where they are written. */
type Values = Readonly<Record<string, number | undefined>>;

/** What one sample says of one thing: its figures by their names. */
export interface Figures {
  readonly kind: MetricKind;
  /** The GPU's uuid or the workspace's name; empty for the host. */
  readonly of: string;
  readonly values: Values;
}

/** A sample as figures; what the host's settings switch off is not kept, whoever sends it. */
export function figuresOf(sample: MetricsSample, metrics: HostSettings['metrics']): Figures[] {
  const { host, gpus = [], workspaces = [] } = sample;
  return [
    ...(metrics.host && host !== undefined ? [{ kind: 'host' as const, of: '', values: hostValues(host) }] : []),
    ...(metrics.gpu ? gpus.map((gpu) => ({ kind: 'gpu' as const, of: gpu.uuid, values: gpuValues(gpu) })) : []),
    ...(metrics.workspaces
      ? workspaces.map((one) => ({ kind: 'workspace' as const, of: one.name, values: workspaceValues(one) }))
      : []),
  ];
}

function hostValues({ cpu, load, memory, swap, disks, io, network, processes, pressure }: HostSample): Values {
  const values: Record<string, number | undefined> = {
    cpu,
    load: load[0],
    memory: memory.usedBytes,
    swap: swap.usedBytes,
    read: io?.readBytesPerSecond,
    written: io?.writeBytesPerSecond,
    received: network?.receivedBytesPerSecond,
    sent: network?.sentBytesPerSecond,
    processes,
    'pressure:cpu': pressure?.cpu,
    'pressure:memory': pressure?.memory,
    'pressure:io': pressure?.io,
  };
  for (const { path, usedBytes } of disks) values[`disk:${path}`] = usedBytes;
  return values;
}

function gpuValues({ use, memoryUsedBytes, temperatureCelsius, powerWatts }: GpuSample): Values {
  return { use, memory: memoryUsedBytes, temperature: temperatureCelsius, power: powerWatts };
}

function workspaceValues({ cpus, memoryBytes, io, network, processes, restarts }: WorkspaceSample): Values {
  return {
    cpus,
    memory: memoryBytes,
    read: io?.readBytesPerSecond,
    written: io?.writeBytesPerSecond,
    received: network?.receivedBytesPerSecond,
    sent: network?.sentBytesPerSecond,
    processes,
    restarts,
  };
}
