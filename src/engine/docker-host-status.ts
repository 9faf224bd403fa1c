import type { ObservedContainer } from '../contracts/host-observation.ts';

/** What an engine's list says of a container in words, as in `Up 5 minutes (healthy)` or `Exited (137) 2 hours ago`. */
export interface ListedStatus {
  readonly status: ObservedContainer['status'];
  /** Undefined where the words say nothing of it. */
  readonly health: ObservedContainer['health'] | undefined;
  readonly exitCode: number | undefined;
  /** How long it has been so at least; 0 where that is not said. */
  readonly sinceMs: number;
}

const statuses: Readonly<Record<string, ObservedContainer['status']>> = {
  created: 'created',
  running: 'running',
  paused: 'paused',
  restarting: 'restarting',
  removing: 'removing',
  exited: 'exited',
  dead: 'dead',
  // Podman's own.
  configured: 'created',
  initialized: 'created',
  stopping: 'running',
  stopped: 'exited',
};

const healths: Readonly<Record<string, ObservedContainer['health']>> = {
  healthy: 'healthy',
  unhealthy: 'unhealthy',
  'health: starting': 'starting',
};

export function readListedStatus(state: string, words: string): ListedStatus {
  const health = /\((healthy|unhealthy|health: starting)\)/.exec(words)?.[1];
  const exitCode = /^(?:Exited|Restarting) \((-?\d+)\)/.exec(words)?.[1];
  return {
    // Of those that nobody knows only a start shows more; one that is dead would be made again.
    status: statuses[state.toLowerCase()] ?? 'exited',
    health: health === undefined ? undefined : healths[health],
    exitCode: exitCode === undefined ? undefined : Number(exitCode),
    sinceMs: leastAgeMs(words),
  };
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const units: Readonly<Record<string, number>> = {
  second: 1_000,
  minute: 60_000,
  hour: hourMs,
  day: dayMs,
  week: 7 * dayMs,
  month: 30 * dayMs,
  year: 365 * dayMs,
};

/** Engines round seconds and minutes down, hours to the nearest, and make the larger units of those hours. */
function leastAgeMs(words: string): number {
  const [, amount, unit = ''] = /(About an?|\d+) (second|minute|hour|day|week|month|year)s?/.exec(words) ?? [];
  const unitMs = units[unit];
  if (amount === undefined || unitMs === undefined) return 0;
  const ageMs = (amount.startsWith('About') ? 1 : Number(amount)) * unitMs;
  return unitMs < hourMs ? ageMs : ageMs - hourMs / 2;
}

/** What only a look at the one container tells, and when that look was. */
export interface ContainerDetails {
  readonly status: ObservedContainer['status'];
  readonly health: ObservedContainer['health'];
  readonly exitCode: number;
  /** Of the look. */
  readonly lookedAtMs: number;
  /** Of the last list that proved it still true. */
  readonly provenAtMs: number;
}

/** Clocks may be set; so nothing is believed for longer. */
const longestBeliefMs = 5 * 60_000;

/**
 * Whether what was seen still holds: the list says for how long the container has been as it is, and when that began before
 * it was seen last, nothing has happened since.
 */
export function isStillSo(details: ContainerDetails, listed: ListedStatus, now: number): boolean {
  if (now - details.lookedAtMs > longestBeliefMs) return false;
  if (listed.status !== details.status) return false;
  if (listed.exitCode !== undefined && listed.exitCode !== details.exitCode) return false;
  // Podman's list has no health.
  if (details.health !== 'none' && listed.health === undefined && listed.status === 'running') return false;
  return listed.sinceMs > now - details.provenAtMs;
}
