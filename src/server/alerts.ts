import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SqliteDatabase } from '../base/sqlite-database.ts';
import type {
  Alert,
  AlertChannel,
  AlertChannelName,
  AlertRule,
  AlertRuleName,
  Mail,
  Webhook,
} from '../contracts/alerts.ts';
import { AppError } from '../contracts/errors.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import type { MetricsSample } from '../contracts/metrics.ts';
import type { ActivityLog } from './activity.ts';
import { type Condition, conditionsOf, type HostFactsNow, isKnown } from './alerts-conditions.ts';
import { AlertFacts } from './alerts-facts.ts';
import { type AlertState, alertKey, flappingMs, judge, noState } from './alerts-judge.ts';
import { AlertOutbox } from './alerts-outbox.ts';
import { AlertStore } from './alerts-store.ts';

export interface AlertsOptions {
  readonly database: SqliteDatabase;
  readonly atRest: Uint8Array;
  readonly activity: ActivityLog;
  readonly latest: (hostId: HostId) => MetricsSample | undefined;
  /** As notices name this server. */
  readonly server: string;
  readonly now: () => Date;
  readonly log: (line: string) => void;
}

interface Remembered extends Pick<Condition, 'rule' | 'hostId' | 'subject'> {
  readonly state: AlertState;
}

const lookMs = 2_000;
/** About a millisecond's worth. */
const hostsATurn = 20;

/** Looks at every host every two seconds, raises and resolves alerts, and has them told. */
export class Alerts {
  readonly #options: AlertsOptions;
  readonly #store: AlertStore;
  readonly #facts: AlertFacts;
  readonly #outbox: AlertOutbox;
  readonly #startedAt: number;
  readonly #closing = new AbortController();
  readonly #states = new Map<string, Remembered>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #telling: Promise<void> = Promise.resolve();

  constructor(options: AlertsOptions) {
    this.#options = options;
    this.#store = new AlertStore(options.database);
    this.#facts = new AlertFacts(options.database, options.latest);
    this.#outbox = new AlertOutbox(options);
    this.#startedAt = options.now().getTime();
    const since = new Date(this.#startedAt - flappingMs).toISOString();
    for (const stored of this.#store.states(since)) this.#states.set(alertKey(stored), stored);
    this.#store.prune(this.#startedAt);
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#looking ??= this.#look()
        .catch((error: unknown) => {
          if (!this.#closing.signal.aborted) this.#options.log(`alerts: ${messageOf(error)}`);
        })
        .finally(() => {
          this.#looking = undefined;
        });
    }, lookMs).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closing.abort();
    await this.#looking;
    await this.#telling;
  }

  /** One look at all hosts, a few in each turn of the event loop: whoever asks the server something meanwhile waits for those alone. */
  async #look(): Promise<void> {
    const now = this.#options.now().getTime();
    const rules = new Map(this.#store.rules().map((rule) => [rule.name, rule]));
    const hosts = new Map<HostId, HostFactsNow>();
    const seen = new Set<string>();
    for (const host of this.#facts.each()) {
      if (hosts.size % hostsATurn === 0) await nextTurn(undefined, { signal: this.#closing.signal });
      hosts.set(host.hostId, host);
      for (const condition of conditionsOf(host, rules, { now, serverStartedAt: this.#startedAt })) {
        seen.add(alertKey(condition));
        this.#judge(condition, rules, now);
      }
    }
    this.#judgeVanished(hosts, seen, { rules, now });
    const told = this.#outbox.drain(this.#closing.signal).catch((error: unknown) => {
      if (!this.#closing.signal.aborted) this.#options.log(`alerts: ${messageOf(error)}`);
    });
    // One that is slow may still be under way.
    this.#telling = Promise.all([this.#telling, told]).then(() => undefined);
  }

  list(limit: number): Alert[] {
    return this.#store.list(limit);
  }

  rules(): AlertRule[] {
    return this.#store.rules();
  }

  channels(): AlertChannel[] {
    return this.#outbox.channels();
  }

  changeRule(name: AlertRuleName, changes: Readonly<Record<string, unknown>>, actor: string): AlertRule {
    const before = this.#store.rules().find((rule) => rule.name === name);
    if (changes['threshold'] !== undefined && before?.threshold === undefined)
      throw new AppError('invalid-input', `Cannot set a threshold of "${name}": it compares nothing`);
    this.#record(actor, 'alert.rule', name, changes, () => this.#store.changeRule(name, changes));
    const after = this.#store.rules().find((rule) => rule.name === name);
    if (after === undefined) throw new AppError('not-found', `Cannot find alert rule "${name}": there is none`);
    return after;
  }

  setWebhook(settings: Webhook, actor: string): AlertChannel {
    return this.#record(actor, 'alert.channel', 'webhook', {}, () => this.#outbox.set({ name: 'webhook', settings }));
  }

  setMail(settings: Mail, actor: string): AlertChannel {
    return this.#record(actor, 'alert.channel', 'mail', {}, () => this.#outbox.set({ name: 'mail', settings }));
  }

  removeChannel(name: AlertChannelName, actor: string): void {
    const isRemoved = this.#record(actor, 'alert.channel-remove', name, {}, () => this.#outbox.remove(name));
    if (!isRemoved) throw new AppError('not-found', `Cannot remove alert channel "${name}": none is set`);
  }

  test(signal: AbortSignal): Promise<{ channel: AlertChannelName; error?: string }[]> {
    return this.#outbox.test(signal);
  }

  /** What a rule spoke of and is no longer there: the disk was unmounted, the workspace is no longer declared, the host revoked. */
  #judgeVanished(
    hosts: ReadonlyMap<HostId, HostFactsNow>,
    seen: ReadonlySet<string>,
    { rules, now }: { rules: ReadonlyMap<AlertRuleName, AlertRule>; now: number },
  ): void {
    for (const [key, { rule, hostId, subject, state }] of this.#states) {
      if (seen.has(key)) continue;
      const host = hosts.get(hostId);
      const isOver = host === undefined || isKnown(rule, host, { now, serverStartedAt: this.#startedAt });
      this.#judge({ rule, hostId, subject, isSo: isOver ? false : undefined, message: '' }, rules, now);
      if (!state.isRaised && isOver) this.#states.delete(key);
    }
  }

  #judge(condition: Condition, rules: ReadonlyMap<AlertRuleName, AlertRule>, now: number): void {
    const rule = rules.get(condition.rule);
    if (rule === undefined) return;
    const key = alertKey(condition);
    const { hostId, subject } = condition;
    const before = this.#states.get(key)?.state ?? noState;
    const { state, event } = judge(before, condition, { rule, now });
    if (event !== undefined) this.#apply(condition, event, new Date(now).toISOString());
    if (state === noState || (!state.isRaised && state.changingSince === undefined && state.raisedAt.length === 0))
      this.#states.delete(key);
    else this.#states.set(key, { rule: rule.name, hostId, subject, state });
  }

  /** The alert and its notices, both or neither. */
  #apply(condition: Condition, event: NonNullable<ReturnType<typeof judge>['event']>, at: string): void {
    this.#options.database.transaction(() => {
      if (event.kind === 'raise') {
        this.#outbox.put('raised', this.#store.raise({ ...condition, ...event, at }));
        return;
      }
      const alert = this.#store.resolve(condition, at);
      if (alert !== undefined) this.#outbox.put('resolved', alert);
    });
  }

  #record<T>(
    actor: string,
    action: string,
    name: string,
    details: Readonly<Record<string, unknown>>,
    work: () => T,
  ): T {
    return this.#options.database.transaction(() => {
      const result = work();
      this.#options.activity.add({ actor, action, subject: `alert:${name}`, details });
      return result;
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
