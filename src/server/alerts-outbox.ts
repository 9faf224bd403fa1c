import { randomUUID } from 'node:crypto';
import { retryDelayMs } from '../base/retry.ts';
import type { SqliteDatabase, SqlRow } from '../base/sqlite-database.ts';
import {
  type Alert,
  type AlertChannel,
  type AlertChannelName,
  type AlertNotice,
  alertChannelNameSchema,
  alertNoticeSchema,
} from '../contracts/alerts.ts';
import { type ChannelSettings, parseSettings, sendNotice, targetOf } from './alerts-send.ts';
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

/** Notices on their way, kept until they were taken: neither a restart nor a receiver that is away loses one. */
export class AlertOutbox {
  readonly #options: OutboxOptions;
  readonly #sending = new Set<AlertChannelName>();

  constructor(options: OutboxOptions) {
    this.#options = options;
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
    database.run('UPDATE alert_notices SET next_at = ? WHERE channel = ?', this.#now(), name);
    const found = this.channels().find((one) => one.name === name);
    return found ?? { name, target: targetOf(channel), waiting: 0 };
  }

  remove(name: AlertChannelName): boolean {
    return this.#options.database.run('DELETE FROM alert_channels WHERE name = ?', name) > 0;
  }

  /** In the transaction that raises or resolves the alert. */
  put(event: 'raised' | 'resolved', alert: Alert): void {
    const { database, server } = this.#options;
    const at = this.#now();
    const notice: AlertNotice = { noticeId: randomUUID(), event, server, at, alert };
    const sql = `INSERT INTO alert_notices (notice_id, channel, notice, made_at, next_at) SELECT ?, name, ?, ?, ? FROM alert_channels`;
    database.run(sql, notice.noticeId, JSON.stringify(notice), at, at);
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
        const error = await this.#send(name, notice, signal);
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

  /** Whether there may be another one to send now. */
  async #sendOldest(name: AlertChannelName, signal: AbortSignal): Promise<boolean> {
    const { database, log, now } = this.#options;
    const sql = 'SELECT * FROM alert_notices WHERE channel = ? ORDER BY made_at, notice_id LIMIT 1';
    const row = database.get(sql, name);
    if (row === undefined || !this.#isDue(String(row['next_at']))) return false;
    const id = String(row['notice_id']);
    const madeAt = Date.parse(String(row['made_at']));
    const notice = alertNoticeSchema.safeParse(JSON.parse(String(row['notice']))).data;
    const error = notice === undefined ? undefined : await this.#send(name, notice, signal);
    if (signal.aborted) return false;
    if (error !== undefined && now().getTime() - madeAt < longestMs && this.#waiting(name) <= mostWaiting) {
      const attempts = Number(row['attempts']) + 1;
      const nextAt = new Date(now().getTime() + retryDelayMs(attempts, backoff)).toISOString();
      const update = 'UPDATE alert_notices SET attempts = ?, next_at = ? WHERE channel = ? AND notice_id = ?';
      database.run(update, attempts, nextAt, name, id);
      return false;
    }
    if (error !== undefined) log(`alerts: a notice was given up: ${error}`);
    database.run('DELETE FROM alert_notices WHERE channel = ? AND notice_id = ?', name, id);
    return true;
  }

  /** Why it was not taken; undefined when it was. */
  async #send(name: AlertChannelName, notice: AlertNotice, signal: AbortSignal): Promise<string | undefined> {
    const { database, atRest } = this.#options;
    const sealed = database.get('SELECT settings FROM alert_channels WHERE name = ?', name)?.['settings'];
    if (!(sealed instanceof Uint8Array)) return 'it was removed';
    try {
      const channel = parseSettings(name, decryptAtRest(atRest, sealed, contextOf(name)));
      await sendNotice(channel, notice, signal);
      database.run(
        'UPDATE alert_channels SET last_delivered_at = ?, last_error = NULL WHERE name = ?',
        this.#now(),
        name,
      );
      return undefined;
    } catch (error) {
      const why = (error instanceof Error ? error.message : String(error)).slice(0, 4_000);
      if (!signal.aborted) database.run('UPDATE alert_channels SET last_error = ? WHERE name = ?', why, name);
      return why;
    }
  }

  /** Nothing waits longer than the longest wait: a later time is of a clock that was put back since. */
  #isDue(nextAt: string): boolean {
    const waitMs = Date.parse(nextAt) - this.#options.now().getTime();
    return waitMs <= 0 || waitMs > backoff.maxDelayMs;
  }

  #waiting(name: AlertChannelName): number {
    const sql = 'SELECT count(*) AS count FROM alert_notices WHERE channel = ?';
    return Number(this.#options.database.get(sql, name)?.['count']);
  }

  #now(): string {
    return this.#options.now().toISOString();
  }
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
