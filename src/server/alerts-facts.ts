import type { SqliteDatabase } from '../base/sqlite-database.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import { planProblemSchema, workspaceStatusSchema } from '../contracts/host-change.ts';
import type { MetricsSample } from '../contracts/metrics.ts';
import type { HostFactsNow } from './alerts-conditions.ts';
import type { HostStore, StoredHost } from './host-store.ts';

type Reported = Pick<HostFactsNow, 'workspaces' | 'problems'>;

const nothingReported: Reported = { workspaces: [], problems: [] };

export interface AlertFactsOptions {
  readonly database: SqliteDatabase;
  readonly hosts: HostStore;
  /** What a host measured lately. */
  readonly sampleOf: (host: StoredHost) => MetricsSample | undefined;
}

/** Gathers what is known of each admitted host, every few seconds: a report that did not change is not parsed again. */
export class AlertFacts {
  readonly #options: AlertFactsOptions;
  readonly #reports = new Map<HostId, Reported & { readonly sequence: number }>();

  constructor(options: AlertFactsOptions) {
    this.#options = options;
  }

  /** Each is read when it is asked for. */
  *each(): Generator<HostFactsNow> {
    const rows = this.#options.database.all('SELECT host_id, sequence FROM reports');
    const sequences = new Map(rows.map((row) => [String(row['host_id']), Number(row['sequence'])]));
    for (const hostId of this.#reports.keys()) if (!sequences.has(hostId)) this.#reports.delete(hostId);
    for (const host of this.#options.hosts.all()) {
      if (host.admission === 'admitted') yield this.#factsOf(host, sequences.get(host.hostId));
    }
  }

  #factsOf(host: StoredHost, sequence: number | undefined): HostFactsNow {
    const { hostId, name, engine, settings, lastSeenAt } = host;
    return {
      hostId,
      name,
      engine,
      heartbeatMs: settings.heartbeatSeconds * 1_000,
      lastSeenAt: lastSeenAt === undefined ? undefined : Date.parse(lastSeenAt),
      sample: this.#options.sampleOf(host),
      ...(sequence === undefined ? nothingReported : this.#reported(hostId, sequence)),
    };
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
      problems: problems.map(({ name, message }) => ({ name, message })),
    };
    this.#reports.set(hostId, read);
    return read;
  }
}
