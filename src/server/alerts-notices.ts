import type { SqliteDatabase } from '../base/sqlite-database.ts';
import { type AlertChannelName, type AlertNotice, alertNoticeSchema } from '../contracts/alerts.ts';

export interface WaitingNotice {
  readonly noticeId: string;
  readonly madeAt: number;
  /** When it may be tried again. */
  readonly nextAt: number;
  /** That failed. */
  readonly attempts: number;
  /** Undefined for one of another version's shape. */
  readonly notice: AlertNotice | undefined;
}

/** Notices that were not taken yet, in the server's database: for each channel its own copy, in the order in which they came about. */
export class WaitingNotices {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  put(notice: AlertNotice): void {
    const sql = `INSERT INTO alert_notices (notice_id, channel, notice, made_at, next_at) SELECT ?, name, ?, ?, ? FROM alert_channels`;
    this.#database.run(sql, notice.noticeId, JSON.stringify(notice), notice.at, notice.at);
  }

  oldest(channel: AlertChannelName, atMost: number): WaitingNotice[] {
    const sql = 'SELECT * FROM alert_notices WHERE channel = ? ORDER BY made_at, notice_id LIMIT ?';
    return this.#database.all(sql, channel, atMost).map((row) => ({
      noticeId: String(row['notice_id']),
      madeAt: Date.parse(String(row['made_at'])),
      nextAt: Date.parse(String(row['next_at'])),
      attempts: Number(row['attempts']),
      notice: alertNoticeSchema.safeParse(JSON.parse(String(row['notice']))).data,
    }));
  }

  defer(channel: AlertChannelName, { noticeId, attempts }: WaitingNotice, nextAt: number): void {
    const sql = 'UPDATE alert_notices SET attempts = ?, next_at = ? WHERE channel = ? AND notice_id = ?';
    this.#database.run(sql, attempts + 1, new Date(nextAt).toISOString(), channel, noticeId);
  }

  /** All of the channel may be tried now. */
  hasten(channel: AlertChannelName, at: string): void {
    this.#database.run('UPDATE alert_notices SET next_at = ? WHERE channel = ?', at, channel);
  }

  remove(channel: AlertChannelName, notices: readonly Pick<WaitingNotice, 'noticeId'>[]): void {
    this.#database.transaction(() => {
      for (const { noticeId } of notices)
        this.#database.run('DELETE FROM alert_notices WHERE channel = ? AND notice_id = ?', channel, noticeId);
    });
  }

  count(channel: AlertChannelName): number {
    const sql = 'SELECT count(*) AS count FROM alert_notices WHERE channel = ?';
    return Number(this.#database.get(sql, channel)?.['count']);
  }
}
