import type { SqliteDatabase, SqlRow } from '../base/sqlite-database.ts';
import { hostSettingsSchema } from '../contracts/fleet.ts';
import { type HostId, hostIdSchema } from '../contracts/fleet-ids.ts';
import { planProblemSchema, workspaceStatusSchema } from '../contracts/host-change.ts';
import type { MetricsSample } from '../contracts/metrics.ts';
import type { HostFactsNow } from './alerts-conditions.ts';

type Reported = Pick<HostFactsNow, 'workspaces' | 'problems'>;

const nothingReported: Reported = { workspaces: [], problems: [] };

export interface AlertFactsOptions {
  readonly database: SqliteDatabase;
  /** When a host was last heard of, where that is not written yet. */
  readonly unwrittenSign: (hostId: HostId) => string | undefined;
  /** What a host measured, no longer ago than this. */
  readonly sampleOf: (hostId: HostId, withinMs: number) => MetricsSample | undefined;
}

/** A heartbeat may come late, one may be lost, and clocks differ by a few seconds. */
const freshHeartbeats = 3;
const freshMs = 10_000;

/** Gathers what is known of each admitted host, every few seconds: what did not change is not parsed again. */
export class AlertFacts {
  readonly #options: AlertFactsOptions;
  readonly #heartbeats = new Map<string, number>();
  readonly #reports = new Map<string, Reported & { readonly sequence: number }>();

  constructor(options: AlertFactsOptions) {
    this.#options = options;
  }

  /** Each is read when it is asked for. */
  *each(): Generator<HostFactsNow> {
    const sql = `SELECT host_id, name, last_seen_at, engine, settings, reports.sequence AS sequence
      FROM hosts LEFT JOIN reports USING (host_id) WHERE admission = 'admitted'`;
    const rows = this.#options.database.all(sql);
    const ids = new Set(rows.map((row) => String(row['host_id'])));
    for (const id of this.#reports.keys()) if (!ids.has(id)) this.#reports.delete(id);
    for (const row of rows) yield this.#factsOf(row);
  }

  #factsOf(row: SqlRow): HostFactsNow {
    const hostId = hostIdSchema.parse(row['host_id']);
    const engine = row['engine'];
    const lastSeenAt = this.#options.unwrittenSign(hostId) ?? row['last_seen_at'];
    const heartbeatMs = this.#heartbeatMs(String(row['settings']));
    return {
      hostId,
      name: String(row['name']),
      heartbeatMs,
      lastSeenAt: typeof lastSeenAt === 'string' ? Date.parse(lastSeenAt) : undefined,
      engine: engine === 'up' || engine === 'down' ? engine : 'unknown',
      sample: this.#options.sampleOf(hostId, freshMs + freshHeartbeats * heartbeatMs),
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
    const row = this.#options.database.get('SELECT workspaces, problems FROM reports WHERE host_id = ?', hostId);
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
