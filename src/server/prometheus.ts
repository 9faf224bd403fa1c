import type { Alert } from '../contracts/alerts.ts';
import type { HostLink } from '../contracts/fleet.ts';
import type { GpuSample, HostSample, MetricsSample, WorkspaceSample } from '../contracts/metrics.ts';
import { type Gauge, type Measurement, prometheusText } from './prometheus-text.ts';

export interface HostView {
  readonly name: string;
  readonly admission: string;
  readonly link: HostLink;
  /** Undefined where it has not told since the server started. */
  readonly sample: MetricsSample | undefined;
}

/** All that a scrape gives. What is not known is left out: a series that ends says so, a zero would be a claim. */
export function fleetText(hosts: readonly HostView[], alerts: readonly Alert[], version: string): string {
  const admitted = hosts.filter(({ admission }) => admission === 'admitted');
  // The last sample of a host that is gone is no longer true.
  const telling = admitted.filter(({ link }) => link.link === 'online');
  return prometheusText([
    gauge('agora_server', 'One, for each server', [{ labels: { version }, value: 1 }]),
    gauge(
      'agora_hosts',
      'Hosts by their admission',
      counted(
        hosts.map(({ admission }) => admission),
        'admission',
      ),
    ),
    gauge(
      'agora_alerts',
      'Alerts that are not resolved',
      counted(
        alerts.map(({ rule }) => rule),
        'rule',
      ),
    ),
    ...linkGauges(admitted),
    ...hostFigures.map(([name, help, figure]) =>
      gauge(
        `agora_host_${name}`,
        help,
        telling.flatMap(({ name: host, sample }) => of({ host }, sample?.host, figure)),
      ),
    ),
    ...gpuFigures.map(([name, help, figure]) =>
      gauge(
        `agora_gpu_${name}`,
        help,
        telling.flatMap(({ name: host, sample }) =>
          (sample?.gpus ?? []).flatMap((gpu) => of({ host, gpu: gpu.uuid, model: gpu.name }, gpu, figure)),
        ),
      ),
    ),
    ...workspaceFigures.map(([name, help, figure]) =>
      gauge(
        `agora_workspace_${name}`,
        help,
        telling.flatMap(({ name: host, sample }) =>
          (sample?.workspaces ?? []).flatMap((one) => of({ host, workspace: one.name }, one, figure)),
        ),
      ),
    ),
  ]);
}

function linkGauges(hosts: readonly HostView[]): Gauge[] {
  const each = (value: (link: HostLink) => number | undefined) =>
    hosts.map(({ name, link }) => ({ labels: { host: name }, value: value(link) }));
  const isUp = (state: string, up: string) => (state === 'unknown' ? undefined : Number(state === up));
  return [
    gauge(
      'agora_host_link_up',
      'Whether the host is heard of',
      each(({ link }) => isUp(link, 'online')),
    ),
    gauge(
      'agora_host_socket_up',
      'Whether its realtime socket is open',
      each(({ hasSocket }) => Number(hasSocket)),
    ),
    gauge(
      'agora_host_engine_up',
      'Whether its container engine answers',
      each(({ engine }) => isUp(engine, 'up')),
    ),
    gauge(
      'agora_host_agent_start_time_seconds',
      'When its agent started',
      each(({ agentStartedAt }) => secondsOf(agentStartedAt)),
    ),
    gauge(
      'agora_host_last_seen_seconds',
      'When it was last heard of',
      each(({ lastSeenAt }) => secondsOf(lastSeenAt)),
    ),
  ];
}

type Part = readonly [labels: Readonly<Record<string, string>>, value: number | undefined];
type Figure<T> = readonly [name: string, help: string, figure: (of: T) => readonly Part[] | number | undefined];

const hostFigures: readonly Figure<HostSample>[] = [
  ['cpu_ratio', 'Processors in use, of all', ({ cpu }) => cpu],
  ['cpu_core_ratio', 'Use of each processor', ({ cpus = [] }) => cpus.map((use, cpu) => [{ cpu: String(cpu) }, use])],
  ['load1', 'Load over a minute', ({ load }) => load[0]],
  ['load5', 'Load over five minutes', ({ load }) => load[1]],
  ['load15', 'Load over fifteen minutes', ({ load }) => load[2]],
  ['memory_used_bytes', 'Memory that is not available', ({ memory }) => memory.usedBytes],
  ['memory_total_bytes', 'Memory', ({ memory }) => memory.totalBytes],
  ['swap_used_bytes', 'Swap in use', ({ swap }) => swap.usedBytes],
  ['swap_total_bytes', 'Swap', ({ swap }) => swap.totalBytes],
  ['disk_used_bytes', 'Used on a disk', ({ disks }) => disks.map(({ path, usedBytes }) => [{ path }, usedBytes])],
  [
    'disk_available_bytes',
    'Available on a disk',
    ({ disks }) => disks.map(({ path, availableBytes }) => [{ path }, availableBytes]),
  ],
  ['disk_total_bytes', 'Size of a disk', ({ disks }) => disks.map(({ path, totalBytes }) => [{ path }, totalBytes])],
  ['read_bytes_per_second', 'Read from disks', ({ io }) => io?.readBytesPerSecond],
  ['written_bytes_per_second', 'Written to disks', ({ io }) => io?.writeBytesPerSecond],
  ['received_bytes_per_second', 'Received', ({ network }) => network?.receivedBytesPerSecond],
  ['sent_bytes_per_second', 'Sent', ({ network }) => network?.sentBytesPerSecond],
  ['processes', 'Processes', ({ processes }) => processes],
  [
    'pressure_ratio',
    'Time in which some task waited',
    ({ pressure }) => Object.entries(pressure ?? {}).map(([resource, share]) => [{ resource }, share]),
  ],
  ['uptime_seconds', 'Since it started', ({ uptimeSeconds }) => uptimeSeconds],
];

const gpuFigures: readonly Figure<GpuSample>[] = [
  ['use_ratio', 'Time in which it worked', ({ use }) => use],
  ['memory_used_bytes', 'Memory in use', ({ memoryUsedBytes }) => memoryUsedBytes],
  ['memory_total_bytes', 'Memory', ({ memoryTotalBytes }) => memoryTotalBytes],
  ['temperature_celsius', 'Temperature', ({ temperatureCelsius }) => temperatureCelsius],
  ['power_watts', 'Power', ({ powerWatts }) => powerWatts],
  ['processes', 'Programs on it', ({ processes }) => processes.length],
];

const workspaceFigures: readonly Figure<WorkspaceSample>[] = [
  ['cpus', 'Processors in use', ({ cpus }) => cpus],
  ['memory_used_bytes', 'Memory, without what can be dropped', ({ memoryBytes }) => memoryBytes],
  ['memory_limit_bytes', 'Limit of its memory', ({ memoryLimitBytes }) => memoryLimitBytes],
  ['read_bytes_per_second', 'Read from disks', ({ io }) => io?.readBytesPerSecond],
  ['written_bytes_per_second', 'Written to disks', ({ io }) => io?.writeBytesPerSecond],
  ['received_bytes_per_second', 'Received', ({ network }) => network?.receivedBytesPerSecond],
  ['sent_bytes_per_second', 'Sent', ({ network }) => network?.sentBytesPerSecond],
  ['processes', 'Processes', ({ processes }) => processes],
  ['restarts', 'Restarts by the engine', ({ restarts }) => restarts],
];

function of<T>(labels: Readonly<Record<string, string>>, from: T | undefined, figure: Figure<T>[2]): Measurement[] {
  const found = from === undefined ? undefined : figure(from);
  if (found === undefined) return [];
  if (typeof found === 'number') return [{ labels, value: found }];
  return found.map(([more, value]) => ({ labels: { ...labels, ...more }, value }));
}

function gauge(name: string, help: string, measurements: readonly Measurement[]): Gauge {
  return { name, help, measurements };
}

function counted(words: readonly string[], label: string): Measurement[] {
  return [...Map.groupBy(words, (word) => word)].map(([word, all]) => ({
    labels: { [label]: word },
    value: all.length,
  }));
}

function secondsOf(time: string | undefined): number | undefined {
  return time === undefined ? undefined : Date.parse(time) / 1000;
}
