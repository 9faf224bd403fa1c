import { setImmediate as nextTurn } from 'node:timers/promises';
import { type AlertRuleName, alertRuleNames } from '../contracts/alerts.ts';
import { admissionSchema, type HostLink } from '../contracts/fleet.ts';
import type { GpuSample, HostSample, MetricsSample, WorkspaceSample } from '../contracts/metrics.ts';
import type { Admission } from './host-store.ts';
import { labelsText, type Measurement, type Metric, metricText } from './prometheus-text.ts';

export interface HostView {
  readonly name: string;
  readonly admission: Admission;
  readonly link: HostLink;
  /** Undefined where it has not told lately. */
  readonly sample: MetricsSample | undefined;
}

export interface FleetView {
  readonly hosts: readonly HostView[];
  /** How many are not resolved, by their rules. */
  readonly alerts: ReadonlyMap<AlertRuleName, number>;
  /** Of the server. */
  readonly version: string;
}

/** All that a scrape gives, a metric in each turn of the event loop: of a thousand hosts it is five megabytes. */
export async function* fleetText(fleet: FleetView): AsyncGenerator<string> {
  for (const metric of metricsOf(fleet)) {
    const text = metricText(metric);
    if (text !== '') yield text;
    await nextTurn();
  }
}

interface Named<T> {
  readonly labels: string;
  readonly of: T;
}

/** What is not known is left out: a series that ends says so, a zero would be a claim. */
function* metricsOf({ hosts, alerts, version }: FleetView): Generator<Metric> {
  const admissions = Map.groupBy(hosts, ({ admission }) => admission);
  const hostsOf = (admission: Admission) => admissions.get(admission)?.length ?? 0;
  yield metric('agora_server_info', 'One, with the version', [{ labels: labelsText({ version }), value: 1 }]);
  yield metric('agora_hosts', 'Hosts by their admission', counts('admission', admissionSchema.options, hostsOf));
  yield metric(
    'agora_alerts',
    'Alerts that are not resolved',
    counts('rule', alertRuleNames, (rule) => alerts.get(rule) ?? 0),
  );
  const admitted = hosts
    .filter(({ admission }) => admission === 'admitted')
    .map((host) => ({ labels: labelsText({ host: host.name }), of: host }));
  yield* measured(
    'agora_host',
    linkFigures,
    admitted.map(({ labels, of }) => ({ labels, of: of.link })),
  );
  // The last sample of a host that is gone is no longer true.
  const telling = admitted.flatMap(({ labels, of: { link, sample } }) =>
    link.link === 'online' && sample !== undefined ? [{ labels, of: sample }] : [],
  );
  const within = <T>(parts: (sample: MetricsSample) => readonly T[], labelsOf: (part: T) => Record<string, string>) =>
    telling.flatMap(({ labels, of: sample }) =>
      parts(sample).map((part) => ({ labels: joined(labels, labelsOf(part)), of: part })),
    );
  yield* measured(
    'agora_host',
    hostFigures,
    within(
      ({ host }) => (host === undefined ? [] : [host]),
      () => ({}),
    ),
  );
  const gpuLabels = ({ uuid, name }: GpuSample) => ({ gpu: uuid, model: name });
  yield* measured(
    'agora_gpu',
    gpuFigures,
    within(({ gpus = [] }) => gpus, gpuLabels),
  );
  const workspaceLabels = ({ name }: WorkspaceSample) => ({ workspace: name });
  yield* measured(
    'agora_workspace',
    workspaceFigures,
    within(({ workspaces = [] }) => workspaces, workspaceLabels),
  );
}

function* measured<T>(prefix: string, figures: readonly Figure<T>[], all: readonly Named<T>[]): Generator<Metric> {
  for (const [name, help, figure] of figures) {
    yield metric(
      `${prefix}_${name}`,
      help,
      all.flatMap(({ labels, of }) => {
        const found = figure(of);
        if (typeof found !== 'object') return { labels, value: found };
        return found.map(([more, value]) => ({ labels: joined(labels, more), value }));
      }),
    );
  }
}

type Part = readonly [labels: Readonly<Record<string, string>>, value: number | undefined];
type Figure<T> = readonly [name: string, help: string, figure: (of: T) => readonly Part[] | number | undefined];

const linkFigures: readonly Figure<HostLink>[] = [
  ['link_up', 'Whether the host is heard of', ({ link }) => isUp(link, 'online')],
  ['socket_up', 'Whether its realtime socket is open', ({ hasSocket }) => Number(hasSocket)],
  ['engine_up', 'Whether its container engine answers', ({ engine }) => isUp(engine, 'up')],
  ['agent_start_time_seconds', 'When its agent started', ({ agentStartedAt }) => secondsOf(agentStartedAt)],
  ['last_seen_timestamp_seconds', 'When it was last heard of', ({ lastSeenAt }) => secondsOf(lastSeenAt)],
];

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
  ['restarts_total', 'Restarts by the engine', ({ restarts }) => restarts],
];

function joined(labels: string, more: Readonly<Record<string, string>>): string {
  const text = labelsText(more);
  return text === '' ? labels : `${labels},${text}`;
}

function metric(name: string, help: string, measurements: readonly Measurement[]): Metric {
  return { name, help, measurements };
}

/** Also of those there are none of. */
function counts<Word extends string>(
  label: string,
  words: readonly Word[],
  count: (word: Word) => number,
): Measurement[] {
  return words.map((word) => ({ labels: labelsText({ [label]: word }), value: count(word) }));
}

function isUp(state: string, up: string): number | undefined {
  return state === 'unknown' ? undefined : Number(state === up);
}

function secondsOf(time: string | undefined): number | undefined {
  return time === undefined ? undefined : Date.parse(time) / 1000;
}
