import { randomUUID } from 'node:crypto';
import { retryDelayMs } from '../base/retry.ts';
import type { SqliteDatabase, SqlRow } from '../base/sqlite-database.ts';
import {
  type Alert,
  type AlertChannel,
  type AlertChannelName,
  type AlertNotice,
  alertChannelNameSchema,
} from '../contracts/alerts.ts';
import { type WaitingNotice, WaitingNotices } from './alerts-notices.ts';
import { type ChannelSettings, parseSettings, sendNotices, targetOf } from './alerts-send.ts';
import { decryptAtRest, encryptAtRest } from './at-rest.ts';

export interface OutboxOptions {
  readonly database: SqliteDatabase;
  readonly atRest: Uint8Array;
  /** As notices name this server. */
  readonly server: string;
  readonly now: () => Date;
  readonly log: (line: string) => void;
}

const backoff = { delayMs: 2_000, maxDelayMs: 300_000, jitter: 0.2 };
/** What could not be told for a day is old news. */
const longestMs = 86_400_000;
const mostWaiting = 1_000;
/** Of many hosts that fell silent at once a person gets one mail, and a chat that takes one post a second is not flooded. */
const atOnce = 50;

/** Notices on their way, kept until they were taken: neither a restart nor a receiver that is away loses one. */
export class AlertOutbox {
  readonly #options: OutboxOptions;
  readonly #waiting: WaitingNotices;
  readonly #sending = new Set<AlertChannelName>();
  readonly #taken = new Set<string>();

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#waiting = new WaitingNotices(options.database);
  }

  channels(): AlertChannel[] {
    const sql = `SELECT alert_channels.*, (SELECT count(*) FROM alert_notices WHERE channel = alert_channels.name) AS waiting
      FROM alert_channels ORDER BY name`;
    return this.#options.database.all(sql).map(channelOf);
  }

  set(channel: ChannelSettings): AlertChannel {
    const { database, atRest } = this.#options;
    const { name, settings } = channel;
    const sealed = encryptAtRest(atRest, JSON.stringify(settings), contextOf(name));
    database.run(
      `INSERT INTO alert_channels (name, target, settings) VALUES (?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET target = excluded.target, settings = excluded.settings, last_error = NULL`,
      name,
      targetOf(channel),
      sealed,
    );
    // What waited for the old address need not wait on.
    this.#waiting.hasten(name, this.#now());
    const found = this.channels().find((one) => one.name === name);
    return found ?? { name, target: targetOf(channel), waiting: 0 };
  }

  remove(name: AlertChannelName): boolean {
    return this.#options.database.run('DELETE FROM alert_channels WHERE name = ?', name) > 0;
  }

  /** In the transaction that raises or resolves the alert. */
  put(event: 'raised' | 'resolved', alert: Alert): void {
    const { server } = this.#options;
    this.#waiting.put({ noticeId: randomUUID(), event, server, at: this.#now(), alert });
  }

  /** Sends what is due, in the order it came about, each channel by itself. */
  async drain(signal: AbortSignal): Promise<void> {
    const names = this.channels().flatMap(({ name, waiting }) => (waiting > 0 ? [name] : []));
    if (names.length > 0) await this.#options.database.settled(); // Nobody is told of what a power cut could undo.
    await Promise.all(names.map((name) => this.#drainChannel(name, signal)));
  }

  /** Sends a test to each channel, once. */
  async test(signal: AbortSignal): Promise<{ channel: AlertChannelName; error?: string }[]> {
    const { server } = this.#options;
    const notice: AlertNotice = { noticeId: randomUUID(), event: 'test', server, at: this.#now() };
    return Promise.all(
      this.channels().map(async ({ name }) => {
        const error = await this.#send(name, [notice], signal);
        return { channel: name, ...(error !== undefined && { error }) };
      }),
    );
  }

  async #drainChannel(name: AlertChannelName, signal: AbortSignal): Promise<void> {
    if (this.#sending.has(name)) return;
    this.#sending.add(name);
    try {
      while (!signal.aborted && (await this.#sendOldest(name, signal)));
    } finally {
      this.#sending.delete(name);
    }
  }

  /** Whether there may be more to send now. */
  async #sendOldest(name: AlertChannelName, signal: AbortSignal): Promise<boolean> {
    const { log } = this.#options;
    const waiting = this.#waiting.oldest(name, atOnce);
    const [first] = waiting;
    if (first === undefined || !this.#isDue(first)) return false;
    // The database may have failed to forget what was taken.
    const untold = waiting.filter(({ noticeId }) => !this.#taken.has(`${name} ${noticeId}`));
    const notices = untold.flatMap(({ notice }) => notice ?? []);
    const error = notices.length === 0 ? undefined : await this.#send(name, notices, signal);
    if (signal.aborted) return false;
    if (error === undefined) {
      for (const { noticeId } of waiting) this.#taken.add(`${name} ${noticeId}`);
      this.#waiting.remove(name, waiting);
      for (const { noticeId } of waiting) this.#taken.delete(`${name} ${noticeId}`);
      return true;
    }
    const now = this.#options.now().getTime();
    if (now - first.madeAt < longestMs && this.#waiting.count(name) <= mostWaiting) {
      this.#waiting.defer(name, first, now + retryDelayMs(first.attempts + 1, backoff));
      return false;
    }
    log(`alerts: a notice was given up: ${error}`);
    this.#waiting.remove(name, [first]);
    return true;
  }

  /** Why they were not taken; undefined when they were. */
  async #send(
    name: AlertChannelName,
    notices: readonly AlertNotice[],
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { database, atRest } = this.#options;
    const sealed = database.get('SELECT settings FROM alert_channels WHERE name = ?', name)?.['settings'];
    if (!(sealed instanceof Uint8Array)) return 'it was removed';
    let why: string | null = null;
    try {
      const channel = parseSettings(name, decryptAtRest(atRest, sealed, contextOf(name)));
      await sendNotices(channel, notices, signal);
    } catch (error) {
      if (signal.aborted) return messageOf(error);
      why = messageOf(error).slice(0, 4_000);
    }
    this.#result(name, why);
    return why ?? undefined;
  }

  /** Shown to people, and no reason to send anything again. */
  #result(name: AlertChannelName, lastError: string | null): void {
    const { database, log } = this.#options;
    try {
      database.run('UPDATE alert_channels SET last_error = ? WHERE name = ?', lastError, name);
      if (lastError !== null) return;
      database.run('UPDATE alert_channels SET last_delivered_at = ? WHERE name = ?', this.#now(), name);
    } catch (error) {
      log(`alerts: ${messageOf(error)}`);
    }
  }

  /** Nothing waits longer than the longest wait: a later time is of a clock that was put back since. */
  #isDue({ nextAt }: WaitingNotice): boolean {
    const waitMs = nextAt - this.#options.now().getTime();
    return waitMs <= 0 || waitMs > backoff.maxDelayMs;
  }

  #now(): string {
    return this.#options.now().toISOString();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function contextOf(name: AlertChannelName): string {
  return `settings of alert channel ${name}`;
}

function channelOf(row: SqlRow): AlertChannel {
  const { last_delivered_at: lastDeliveredAt, last_error: lastError } = row;
  return {
    name: alertChannelNameSchema.parse(row['name']),
    target: String(row['target']),
    waiting: Number(row['waiting']),
    ...(typeof lastDeliveredAt === 'string' && { lastDeliveredAt }),
    ...(typeof lastError === 'string' && { lastError }),
  };
}
