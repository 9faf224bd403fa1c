import type { SqliteDatabase, SqlRow } from '../base/sqlite-database.ts';
import { hostSettingsSchema } from '../contracts/fleet.ts';
import { type HostId, hostIdSchema } from '../contracts/fleet-ids.ts';
import { planProblemSchema, workspaceStatusSchema } from '../contracts/host-change.ts';
import type { MetricsSample } from '../contracts/metrics.ts';
import type { HostFactsNow } from './alerts-conditions.ts';

type Reported = Pick<HostFactsNow, 'workspaces' | 'problems'>;

const nothingReported: Reported = { workspaces: [], problems: [] };

/** Gathers what is known of each admitted host, every few seconds: what did not change is not parsed again. */
export class AlertFacts {
  readonly #database: SqliteDatabase;
  readonly #latest: (hostId: HostId) => MetricsSample | undefined;
  readonly #heartbeats = new Map<string, number>();
  readonly #reports = new Map<string, Reported & { readonly sequence: number }>();

  constructor(database: SqliteDatabase, latest: (hostId: HostId) => MetricsSample | undefined) {
    this.#database = database;
    this.#latest = latest;
  }

  /** Each is read when it is asked for. */
  *each(): Generator<HostFactsNow> {
    const sql = `SELECT host_id, name, last_seen_at, engine, settings, reports.sequence AS sequence
      FROM hosts LEFT JOIN reports USING (host_id) WHERE admission = 'admitted'`;
    const rows = this.#database.all(sql);
    const ids = new Set(rows.map((row) => String(row['host_id'])));
    for (const id of this.#reports.keys()) if (!ids.has(id)) this.#reports.delete(id);
    for (const row of rows) yield this.#factsOf(row);
  }

  #factsOf(row: SqlRow): HostFactsNow {
    const hostId = hostIdSchema.parse(row['host_id']);
    const engine = row['engine'];
    const lastSeenAt = row['last_seen_at'];
    return {
      hostId,
      name: String(row['name']),
      heartbeatMs: this.#heartbeatMs(String(row['settings'])),
      lastSeenAt: typeof lastSeenAt === 'string' ? Date.parse(lastSeenAt) : undefined,
      engine: engine === 'up' || engine === 'down' ? engine : 'unknown',
      sample: this.#latest(hostId),
      ...(row['sequence'] === null ? nothingReported : this.#reported(hostId, Number(row['sequence']))),
    };
  }

  #heartbeatMs(settings: string): number {
    const known = this.#heartbeats.get(settings);
    if (known !== undefined) return known;
    if (this.#heartbeats.size > 1_000) this.#heartbeats.clear();
    const heartbeatMs = hostSettingsSchema.parse(JSON.parse(settings)).heartbeatSeconds * 1000;
    this.#heartbeats.set(settings, heartbeatMs);
    return heartbeatMs;
  }

  #reported(hostId: HostId, sequence: number): Reported {
    const known = this.#reports.get(hostId);
    if (known?.sequence === sequence) return known;
    const row = this.#database.get('SELECT workspaces, problems FROM reports WHERE host_id = ?', hostId);
    const list = (column: string): unknown => JSON.parse(String(row?.[column] ?? '[]'));
    const problems = planProblemSchema.array().safeParse(list('problems')).data ?? [];
    const read = {
      sequence,
      workspaces: workspaceStatusSchema.array().safeParse(list('workspaces')).data ?? [],
      problems: problems.map(({ name, message }) => `${name}: ${message}`),
    };
    this.#reports.set(hostId, read);
    return read;
  }
}
