import { byteText } from '../base/byte-text.ts';
import { formatDuration } from '../base/duration.ts';
import { fullnessOf, type HostSample, type MetricsSample } from '../contracts/metrics.ts';
import type { MetricKind } from '../contracts/routes-metrics.ts';

export function shareText(share: number | undefined): string {
  return share === undefined ? '' : `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`;
}

/** A value of a series, in its unit. */
export function figureText(kind: MetricKind, name: string, value: number): string {
  if (name === 'cpu' || name === 'use' || name.startsWith('pressure:')) return shareText(value);
  if (name === 'read' || name === 'written' || name === 'received' || name === 'sent') return `${byteText(value)}/s`;
  if (name === 'memory' || name === 'swap' || name.startsWith('disk:')) return byteText(value);
  if (name === 'temperature') return `${Math.round(value)} °C`;
  if (name === 'power') return `${Math.round(value)} W`;
  if (name === 'cpus' || name === 'load') return value.toFixed(2);
  return kind === 'host' ? String(Math.round(value)) : String(Math.round(value * 10) / 10);
}

/** The fullest one, as `df` counts. */
function diskText({ disks }: HostSample): string {
  const shares = disks.map((disk) => ({ path: disk.path, share: fullnessOf(disk) }));
  const [fullest] = shares.sort((a, b) => b.share - a.share);
  return fullest === undefined ? '' : `${shareText(fullest.share)} ${fullest.path}`;
}

/** A host in one row: cpu, load, memory, disk, network, GPUs, workspaces, and how old this is. */
export function sampleRow({ host, gpus, workspaces, at }: MetricsSample, now: number): string[] {
  const network = host?.network;
  return [
    shareText(host?.cpu),
    host === undefined ? '' : host.load[0].toFixed(2),
    host === undefined ? '' : `${byteText(host.memory.usedBytes)} of ${byteText(host.memory.totalBytes)}`,
    host === undefined ? '' : diskText(host),
    network === undefined
      ? ''
      : `${byteText(network.receivedBytesPerSecond)}/s in, ${byteText(network.sentBytesPerSecond)}/s out`,
    gpus === undefined ? '' : gpus.map(({ use }) => shareText(use) || '?').join(', '),
    workspaces === undefined ? '' : String(workspaces.length),
    `${formatDuration(Math.max(0, now - Date.parse(at)))} ago`,
  ];
}

export const sampleHead = [
  'cpu',
  'load',
  'memory',
  'fullest disk',
  'network',
  'gpus',
  'workspaces',
  'measured',
] as const;
