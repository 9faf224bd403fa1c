import type { SqliteDatabase, SqlRow } from '../base/sqlite-database.ts';
import { type Activity, activitySchema } from '../contracts/fleet.ts';

export interface ActivityEntry {
  /** `user:<name>`, `host:<name>` or `server`. */
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface ActivityQuery {
  /** Only those before this sequence number. */
  readonly before?: number | undefined;
  readonly limit: number;
  readonly subject?: string | undefined;
}

/** What was done on a server, by whom. Only ever added to, in the transaction of what it tells of. */
export class ActivityLog {
  readonly #database: SqliteDatabase;
  readonly #now: () => Date;

  constructor(database: SqliteDatabase, now: () => Date) {
    this.#database = database;
    this.#now = now;
  }

  /** `at`: when it was done, where that was before. */
  add({ actor, action, subject, details = {} }: ActivityEntry, at = this.#now()): void {
    this.#database.run(
      'INSERT INTO activity (at, actor, action, subject, details) VALUES (?, ?, ?, ?, ?)',
      at.toISOString(),
      actor,
      action,
      subject,
      JSON.stringify(details),
    );
  }

  /** Newest first. */
  list({ before = Number.MAX_SAFE_INTEGER, limit, subject }: ActivityQuery): Activity[] {
    const rows =
      subject === undefined
        ? this.#database.all('SELECT * FROM activity WHERE sequence < ? ORDER BY sequence DESC LIMIT ?', before, limit)
        : this.#database.all(
            'SELECT * FROM activity WHERE subject = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?',
            subject,
            before,
            limit,
          );
    return rows.map(fromRow);
  }
}

function fromRow(row: SqlRow): Activity {
  return activitySchema.parse({ ...row, details: JSON.parse(String(row['details'])) });
}
