import type { HostSample, WorkspaceSample } from '../../contracts/metrics.ts';
import type { ContainerReading, CpuTicks, HostReading, Reading, Transferred } from './reading.ts';

/** Two looks closer together than this tell nothing of a rate. */
const shortestMs = 50;

/** What a host was like between two looks; without one before there are no rates. */
export function hostSampleOf(reading: HostReading, { before, seconds }: Since<HostReading>): HostSample {
  const cpu = busyShare(reading.cpu, before?.cpu);
  const cpus = reading.cpus.map((ticks, index) => busyShare(ticks, before?.cpus[index]));
  const io = rateOf(reading.io, before?.io, seconds);
  const network = rateOf(reading.network, before?.network, seconds);
  const { memory, swap } = reading;
  return {
    ...(cpu !== undefined && { cpu }),
    // A processor that is switched off, or was before, has no time between.
    ...(cpu !== undefined && { cpus: cpus.slice(0, 1024).map((share) => share ?? 0) }),
    load: [...reading.load],
    memory: { ...memory, usedBytes: Math.max(0, memory.totalBytes - memory.availableBytes) },
    swap: { totalBytes: swap.totalBytes, usedBytes: Math.max(0, swap.totalBytes - swap.freeBytes) },
    disks: [...reading.disks],
    ...(io && { io: { readBytesPerSecond: io.inBytes, writeBytesPerSecond: io.outBytes } }),
    ...(network && { network: { receivedBytesPerSecond: network.inBytes, sentBytesPerSecond: network.outBytes } }),
    processes: reading.processes,
    ...(reading.pressure && { pressure: reading.pressure }),
    uptimeSeconds: reading.uptimeSeconds,
  };
}

export function workspaceSampleOf(
  { name, restarts }: Pick<WorkspaceSample, 'name' | 'restarts'>,
  reading: ContainerReading | undefined,
  { before, seconds }: Since<ContainerReading>,
): WorkspaceSample {
  if (reading === undefined) return { name, restarts };
  const { memoryBytes, memoryLimitBytes, processes } = reading;
  const nanoseconds = growth(reading.cpuNanoseconds, before?.cpuNanoseconds);
  const io = rateOf(reading.io, before?.io, seconds);
  const network = rateOf(reading.network, before?.network, seconds);
  return {
    name,
    restarts,
    ...(nanoseconds !== undefined && seconds !== undefined && { cpus: nanoseconds / 1e9 / seconds }),
    ...(memoryBytes !== undefined && { memoryBytes }),
    ...(memoryLimitBytes !== undefined && { memoryLimitBytes }),
    ...(io && { io: { readBytesPerSecond: io.inBytes, writeBytesPerSecond: io.outBytes } }),
    ...(network && { network: { receivedBytesPerSecond: network.inBytes, sentBytesPerSecond: network.outBytes } }),
    ...(processes !== undefined && { processes }),
  };
}

export interface Since<T> {
  readonly before: T | undefined;
  readonly seconds: number | undefined;
}

/** How long ago the look before was; undefined when there is none to compare with. */
export function secondsSince(before: Reading | undefined, now: Reading): number | undefined {
  const passedMs = before === undefined ? 0 : now.atMs - before.atMs;
  return passedMs < shortestMs ? undefined : passedMs / 1000;
}

function busyShare(now: CpuTicks, before: CpuTicks | undefined): number | undefined {
  if (before === undefined || before.total === 0) return undefined;
  const total = growth(now.total, before.total);
  if (total === undefined || total === 0) return undefined;
  // The kernel may count idle time back a little.
  const idle = Math.max(0, now.idle - before.idle);
  return Math.min(1, Math.max(0, 1 - idle / total));
}

function rateOf(
  now: Transferred | undefined,
  before: Transferred | undefined,
  seconds: number | undefined,
): Transferred | undefined {
  const inBytes = growth(now?.inBytes, before?.inBytes);
  const outBytes = growth(now?.outBytes, before?.outBytes);
  if (inBytes === undefined || outBytes === undefined || seconds === undefined) return undefined;
  return { inBytes: inBytes / seconds, outBytes: outBytes / seconds };
}

/** Undefined for a counter that began anew: a container was restarted, a device went. */
function growth(now: number | undefined, before: number | undefined): number | undefined {
  return now === undefined || before === undefined || now < before ? undefined : now - before;
}
