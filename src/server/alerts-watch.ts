import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SqliteDatabase } from '../base/sqlite-database.ts';
import type { AlertRule, AlertRuleName } from '../contracts/alerts.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import { conditionsOf, type HostFactsNow, isKnown, type Moment, type Watched } from './alerts-conditions.ts';
import type { AlertFacts } from './alerts-facts.ts';
import {
  type AlertEvent,
  type AlertState,
  afterGap,
  alertKey,
  flappingMs,
  type Judged,
  judge,
  noState,
} from './alerts-judge.ts';
import type { AlertOutbox } from './alerts-outbox.ts';
import type { AlertStore } from './alerts-store.ts';

export interface AlertWatchOptions {
  readonly database: SqliteDatabase;
  readonly store: AlertStore;
  readonly facts: AlertFacts;
  readonly outbox: AlertOutbox;
  readonly now: () => Date;
}

interface Remembered extends Watched {
  readonly state: AlertState;
}

type Rules = ReadonlyMap<AlertRuleName, AlertRule>;

/** About a millisecond's worth. */
const hostsATurn = 20;
/** Two looks further apart than this, or in the wrong order: the server slept, or its clock was set. */
const gapMs = 5_000;

/** Looks at hosts, and raises and resolves alerts. */
export class AlertWatch {
  readonly #options: AlertWatchOptions;
  readonly #states = new Map<string, Remembered>();
  #listeningSince: number;
  #lookedAt: number;

  constructor(options: AlertWatchOptions) {
    this.#options = options;
    const now = options.now().getTime();
    this.#listeningSince = now;
    this.#lookedAt = now;
    const since = new Date(now - flappingMs).toISOString();
    for (const stored of options.store.states(since)) this.#states.set(alertKey(stored), stored);
  }

  /** One look at all hosts, a few in each turn of the event loop: whoever asks the server something meanwhile waits for those alone. */
  async look(signal: AbortSignal): Promise<void> {
    const { store, facts } = this.#options;
    const moment = this.#moment();
    const rules: Rules = new Map(store.rules().map((rule) => [rule.name, rule]));
    const hosts = new Map<HostId, HostFactsNow>();
    const seen = new Set<string>();
    for (const host of facts.each()) {
      if (hosts.size % hostsATurn === 0) await nextTurn(undefined, { signal });
      hosts.set(host.hostId, host);
      for (const condition of conditionsOf(host, rules, moment)) {
        seen.add(alertKey(condition));
        this.#judge(condition, { isSo: true, message: condition.message }, { rules, moment });
      }
    }
    this.#judgeRest(hosts, seen, { rules, moment });
  }

  /** Now, and since when hosts were listened to: after a gap nobody knows how long they were silent. */
  #moment(): Moment {
    const now = this.#options.now().getTime();
    const passedMs = now - this.#lookedAt;
    this.#lookedAt = now;
    if (passedMs < 0 || passedMs > gapMs) {
      this.#listeningSince = now;
      for (const [key, known] of this.#states) this.#states.set(key, { ...known, state: afterGap(known.state, now) });
    }
    return { now, listeningSince: this.#listeningSince };
  }

  /** What was so before and is no longer told of: it is over, its host was revoked, or nobody knows. */
  #judgeRest(
    hosts: ReadonlyMap<HostId, HostFactsNow>,
    seen: ReadonlySet<string>,
    by: { readonly rules: Rules; readonly moment: Moment },
  ): void {
    for (const [key, remembered] of this.#states) {
      if (seen.has(key)) continue;
      const host = hosts.get(remembered.hostId);
      const isOver = host === undefined || isKnown(remembered.rule, host, by.moment);
      this.#judge(remembered, { isSo: isOver ? false : undefined, message: '' }, by);
    }
  }

  #judge(
    { rule: name, hostId, subject }: Watched,
    judged: Judged,
    { rules, moment: { now } }: { readonly rules: Rules; readonly moment: Moment },
  ): void {
    const rule = rules.get(name);
    if (rule === undefined) return;
    const of = { rule: name, hostId, subject };
    const key = alertKey(of);
    const before = this.#states.get(key)?.state ?? noState;
    const { state, event } = judge(before, judged, { rule, now });
    if (event !== undefined) this.#apply(of, event, new Date(now).toISOString());
    if (!state.isRaised && state.changingSince === undefined && state.raisedAt.length === 0) this.#states.delete(key);
    else this.#states.set(key, { ...of, state });
  }

  /** The alert and its notices, both or neither. */
  #apply(of: Watched, event: AlertEvent, at: string): void {
    const { database, store, outbox } = this.#options;
    database.transaction(() => {
      if (event.kind === 'raise') {
        outbox.put('raised', store.raise({ ...of, ...event, at }));
        return;
      }
      const alert = store.resolve(of, at);
      if (alert !== undefined) outbox.put('resolved', alert);
    });
  }
}
