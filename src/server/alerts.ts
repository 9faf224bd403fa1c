import type { SqliteDatabase } from '../base/sqlite-database.ts';
import {
  type Alert,
  type AlertChange,
  type AlertChannel,
  type AlertChannelName,
  type AlertRule,
  type AlertRuleName,
  highestThresholds,
  type Mail,
  type Webhook,
} from '../contracts/alerts.ts';
import { AppError } from '../contracts/errors.ts';
import type { ActivityLog } from './activity.ts';
import type { AlertFacts } from './alerts-facts.ts';
import { AlertOutbox } from './alerts-outbox.ts';
import { AlertStore } from './alerts-store.ts';
import { AlertWatch } from './alerts-watch.ts';

export interface AlertsOptions {
  readonly database: SqliteDatabase;
  readonly atRest: Uint8Array;
  readonly activity: ActivityLog;
  readonly facts: AlertFacts;
  /** As notices name this server. */
  readonly server: string;
  readonly now: () => Date;
  readonly log: (line: string) => void;
}

const lookMs = 2_000;

/** Looks at every host every two seconds, and has alerts told: what rules and channels there are is for people to say. */
export class Alerts {
  readonly #options: AlertsOptions;
  readonly #store: AlertStore;
  readonly #outbox: AlertOutbox;
  readonly #watch: AlertWatch;
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #telling: Promise<void> = Promise.resolve();

  constructor(options: AlertsOptions) {
    this.#options = options;
    this.#store = new AlertStore(options.database);
    this.#outbox = new AlertOutbox(options);
    this.#watch = new AlertWatch({ ...options, store: this.#store, outbox: this.#outbox });
    this.#store.prune(options.now().getTime());
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#looking ??= this.#look().finally(() => {
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

  /** Those not told yet go out even when a look fails. */
  async #look(): Promise<void> {
    const { signal } = this.#closing;
    await this.#watch.look(signal).catch(this.#failed);
    const told = this.#outbox.drain(signal).catch(this.#failed);
    // One that is slow may still be under way.
    this.#telling = Promise.all([this.#telling, told]).then(() => undefined);
  }

  readonly #failed = (error: unknown): void => {
    if (this.#closing.signal.aborted) return;
    this.#options.log(`alerts: ${error instanceof Error ? error.message : String(error)}`);
  };

  list(limit: number): Alert[] {
    return this.#store.list(limit);
  }

  activeCounts(): ReadonlyMap<AlertRuleName, number> {
    return this.#store.activeCounts();
  }

  rules(): AlertRule[] {
    return this.#store.rules();
  }

  channels(): AlertChannel[] {
    return this.#outbox.channels();
  }

  changeRule(name: AlertRuleName, changes: AlertChange, actor: string): AlertRule {
    const before = this.#store.rules().find((rule) => rule.name === name);
    const { threshold } = changes;
    if (threshold !== undefined && before?.threshold === undefined)
      throw new AppError('invalid-input', `Cannot set a threshold of "${name}": it compares nothing`);
    const highest = highestThresholds[name] ?? Number.POSITIVE_INFINITY;
    if (threshold !== undefined && threshold > highest) {
      const state = `it is never more than ${highest}${highest === 1 ? ': 0.8 stands for 80 %' : ''}`;
      throw new AppError('invalid-input', `Cannot set the threshold of "${name}" to "${threshold}": ${state}`);
    }
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
