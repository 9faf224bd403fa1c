import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SqliteDatabase } from '../base/sqlite-database.ts';
import type { AlertRule, AlertRuleName } from '../contracts/alerts.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import { type Condition, conditionsOf, type HostFactsNow, isKnown, type Moment } from './alerts-conditions.ts';
import type { AlertFacts } from './alerts-facts.ts';
import { type AlertEvent, type AlertState, afterGap, alertKey, flappingMs, judge, noState } from './alerts-judge.ts';
import type { AlertOutbox } from './alerts-outbox.ts';
import type { AlertStore } from './alerts-store.ts';

export interface AlertWatchOptions {
  readonly database: SqliteDatabase;
  readonly store: AlertStore;
  readonly facts: AlertFacts;
  readonly outbox: AlertOutbox;
  readonly now: () => Date;
}

interface Remembered extends Pick<Condition, 'rule' | 'hostId' | 'subject'> {
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
        const key = alertKey(condition);
        if (this.#states.has(key)) seen.add(key);
        // Nearly all of what is looked at never was so: it leaves nothing to remember.
        else if (condition.isSo !== true) continue;
        this.#judge(condition, rules, moment);
      }
    }
    this.#judgeVanished(hosts, seen, { rules, moment });
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

  /** What a rule spoke of and is no longer there: the disk was unmounted, the workspace is no longer declared, the host revoked. */
  #judgeVanished(
    hosts: ReadonlyMap<HostId, HostFactsNow>,
    seen: ReadonlySet<string>,
    { rules, moment }: { readonly rules: Rules; readonly moment: Moment },
  ): void {
    for (const [key, { rule, hostId, subject, state }] of this.#states) {
      if (seen.has(key)) continue;
      const host = hosts.get(hostId);
      const isOver = host === undefined || isKnown(rule, host, moment);
      this.#judge({ rule, hostId, subject, isSo: isOver ? false : undefined, message: '' }, rules, moment);
      if (!state.isRaised && isOver) this.#states.delete(key);
    }
  }

  #judge(condition: Condition, rules: Rules, { now }: Moment): void {
    const rule = rules.get(condition.rule);
    if (rule === undefined) return;
    const key = alertKey(condition);
    const { hostId, subject } = condition;
    const before = this.#states.get(key)?.state ?? noState;
    const { state, event } = judge(before, condition, { rule, now });
    if (event !== undefined) this.#apply(condition, event, new Date(now).toISOString());
    if (!state.isRaised && state.changingSince === undefined && state.raisedAt.length === 0) this.#states.delete(key);
    else this.#states.set(key, { rule: rule.name, hostId, subject, state });
  }

  /** The alert and its notices, both or neither. */
  #apply(condition: Condition, event: AlertEvent, at: string): void {
    const { database, store, outbox } = this.#options;
    database.transaction(() => {
      if (event.kind === 'raise') {
        outbox.put('raised', store.raise({ ...condition, ...event, at }));
        return;
      }
      const alert = store.resolve(condition, at);
      if (alert !== undefined) outbox.put('resolved', alert);
    });
  }
}
