import { hostLabels } from '../../contracts/fleet-names.ts';
import type { ObservedContainer } from '../../contracts/host-observation.ts';

export interface MeasuredContainer {
  readonly id: string;
  /** Of its workspace. */
  readonly name: string;
  readonly restarts: number;
  readonly isRunning: boolean;
}

const nameLength = 128;

/** What is measured of a host's workspaces: a container of each. While an update exchanges one it has two; the newest that runs counts. */
export function measuredOf(containers: readonly ObservedContainer[], hostId: string): MeasuredContainer[] {
  const workspaces = new Map<string, ObservedContainer>();
  for (const container of containers) {
    const { labels } = container;
    if (labels[hostLabels.host] !== hostId || labels[hostLabels.kind] !== 'workspace') continue;
    const name = (labels[hostLabels.name] ?? container.name).slice(0, nameLength);
    const known = workspaces.get(name);
    if (known === undefined || isNewer(container, known)) workspaces.set(name, container);
  }
  return [...workspaces].map(([name, container]) => ({
    id: container.id,
    name,
    restarts: container.restartCount,
    isRunning: isRunning(container),
  }));
}

function isNewer(one: ObservedContainer, other: ObservedContainer): boolean {
  if (isRunning(one) !== isRunning(other)) return isRunning(one);
  return (one.startedAt ?? '') > (other.startedAt ?? '');
}

function isRunning({ status }: ObservedContainer): boolean {
  return status === 'running' || status === 'paused';
}
