import type { ActivityLog } from './activity.ts';
import type { Caller } from './handler.ts';

const againMs = 60_000;

/** What users were refused, each kind once a minute. Nobody and hosts that wait for approval cannot fill the log with theirs. */
export class Refusals {
  readonly #activity: ActivityLog;
  readonly #lastAt = new Map<string, number>();

  constructor(activity: ActivityLog) {
    this.#activity = activity;
  }

  add(caller: Caller, route: string, address: string): void {
    if (caller.kind !== 'user') return;
    const actor = `user:${caller.user.name}`;
    const key = `${actor} ${route}`;
    const now = performance.now();
    if (now - (this.#lastAt.get(key) ?? Number.NEGATIVE_INFINITY) < againMs) return;
    this.#activity.add({ actor, action: 'refused', subject: 'server', details: { route, address } });
    this.#lastAt.set(key, now);
  }
}
