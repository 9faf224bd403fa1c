import { randomUUID } from 'node:crypto';
import type { SqliteDatabase, SqlRow } from '../base/sqlite-database.ts';
import {
  type Alert,
  type AlertRule,
  type AlertRuleName,
  alertChangeSchema,
  alertRuleNameSchema,
  alertSchema,
  defaultAlertRules,
} from '../contracts/alerts.ts';
import { type HostId, hostIdSchema } from '../contracts/fleet-ids.ts';
import type { AlertState } from './alerts-judge.ts';

export interface NewAlert {
  readonly hostId: HostId;
  readonly rule: AlertRuleName;
  readonly subject: string;
  readonly message: string;
  readonly times: number;
  readonly at: string;
}

export interface StoredState extends Pick<NewAlert, 'hostId' | 'rule' | 'subject'> {
  readonly state: AlertState;
}

const select = `SELECT alerts.*, hosts.name AS host FROM alerts JOIN hosts USING (host_id)`;
/** Of alerts that are over. */
const keptDays = 90;

/** Alerts and their rules in the server's database. */
export class AlertStore {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  rules(): AlertRule[] {
    const rows = this.#database.all('SELECT name, changes FROM alert_rules');
    const changes = new Map(rows.map((row) => [String(row['name']), changesOf(row)]));
    return defaultAlertRules.map((rule) => ({ ...rule, ...changes.get(rule.name) }));
  }

  changeRule(name: AlertRuleName, changes: object): void {
    const row = this.#database.get('SELECT changes FROM alert_rules WHERE name = ?', name);
    const merged = { ...(row === undefined ? {} : changesOf(row)), ...changes };
    this.#database.run('INSERT OR REPLACE INTO alert_rules VALUES (?, ?)', name, JSON.stringify(merged));
  }

  /** Those not resolved first, then the newest. */
  list(limit: number): Alert[] {
    const sql = `${select} ORDER BY resolved_at IS NOT NULL, raised_at DESC LIMIT ?`;
    return this.#database.all(sql, limit).map(alertOf);
  }

  /** How many are not resolved, by their rules. */
  activeCounts(): ReadonlyMap<AlertRuleName, number> {
    const sql = 'SELECT rule, count(*) AS count FROM alerts WHERE resolved_at IS NULL GROUP BY rule';
    const known = this.#database.all(sql).flatMap((row) => {
      const rule = alertRuleNameSchema.safeParse(row['rule']).data;
      return rule === undefined ? [] : [[rule, Number(row['count'])] as const];
    });
    return new Map(known);
  }

  /** As `judge` left it, with those raised since a time. */
  states(since: string): StoredState[] {
    const sql = 'SELECT * FROM alerts WHERE resolved_at IS NULL OR raised_at >= ? ORDER BY raised_at';
    const grouped = Map.groupBy(this.#database.all(sql, since), (row) =>
      JSON.stringify([row['rule'], row['host_id'], row['subject']]),
    );
    return [...grouped.values()].flatMap((rows) => {
      const [first] = rows;
      const rule = alertRuleNameSchema.safeParse(first?.['rule']).data;
      if (first === undefined || rule === undefined) return [];
      const isRaised = rows.some((row) => row['resolved_at'] === null);
      const raisedAt = rows.map((row) => Date.parse(String(row['raised_at']))).filter((at) => at >= Date.parse(since));
      const state = { isRaised, changingSince: undefined, raisedAt };
      return [{ hostId: hostIdSchema.parse(first['host_id']), rule, subject: String(first['subject']), state }];
    });
  }

  raise({ hostId, rule, subject, message, times, at }: NewAlert): Alert {
    const alertId = randomUUID();
    const sql = `INSERT INTO alerts (alert_id, host_id, rule, subject, message, raised_at, times) VALUES (?, ?, ?, ?, ?, ?, ?)`;
    this.#database.run(sql, alertId, hostId, rule, subject, message, at, times);
    return this.#one(alertId);
  }

  /** The alert as it then is; undefined when there was none. */
  resolve({ hostId, rule, subject }: Pick<NewAlert, 'hostId' | 'rule' | 'subject'>, at: string): Alert | undefined {
    const where = 'host_id = ? AND rule = ? AND subject = ? AND resolved_at IS NULL';
    const row = this.#database.get(`SELECT alert_id FROM alerts WHERE ${where}`, hostId, rule, subject);
    if (row === undefined) return undefined;
    this.#database.run(`UPDATE alerts SET resolved_at = ? WHERE ${where}`, at, hostId, rule, subject);
    return this.#one(String(row['alert_id']));
  }

  prune(now: number): void {
    const before = new Date(now - keptDays * 86_400_000).toISOString();
    this.#database.run('DELETE FROM alerts WHERE resolved_at IS NOT NULL AND resolved_at < ?', before);
  }

  #one(alertId: string): Alert {
    const row = this.#database.get(`${select} WHERE alert_id = ?`, alertId);
    return alertOf(row ?? {});
  }
}

function changesOf(row: SqlRow): Partial<AlertRule> {
  const { data = {} } = alertChangeSchema.safeParse(JSON.parse(String(row['changes'])));
  return Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined));
}

function alertOf(row: SqlRow): Alert {
  return alertSchema.parse({
    alertId: row['alert_id'],
    rule: row['rule'],
    host: row['host'],
    subject: row['subject'] === '' ? undefined : row['subject'],
    message: row['message'],
    raisedAt: row['raised_at'],
    resolvedAt: row['resolved_at'] ?? undefined,
    times: row['times'],
  });
}
