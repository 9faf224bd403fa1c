import type { SqliteDatabase, SqlRow } from '../base/sqlite-database.ts';
import type { HostReport } from '../contracts/agent-wire.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import {
  type PlanProblem,
  planProblemSchema,
  type StepReport,
  stepReportSchema,
  type WorkspaceStatus,
  workspaceStatusSchema,
} from '../contracts/host-change.ts';
import { type HostObservation, hostObservationSchema } from '../contracts/host-observation.ts';

/** The last that is known of a host, but what it has. What was never told is undefined or empty, what was told stays. */
export interface LastReport {
  readonly revision: number | undefined;
  readonly observedAt: string | undefined;
  readonly steps: readonly StepReport[];
  readonly workspaces: readonly WorkspaceStatus[];
  readonly problems: readonly PlanProblem[];
}

/** What hosts last reported of themselves. */
export class HostReports {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  of(hostId: HostId): LastReport | undefined {
    const row = this.#database.get(
      `SELECT revision, steps, workspaces, problems, json_extract(observation, '$.observedAt') AS observed_at
       FROM reports WHERE host_id = ?`,
      hostId,
    );
    return row && fromRow(row);
  }

  /** What it has, which is much. Of an earlier version's shape: as if it were not there, until the next report. */
  observation(hostId: HostId): HostObservation | undefined {
    const text = this.#database.get('SELECT observation FROM reports WHERE host_id = ?', hostId)?.['observation'];
    return typeof text === 'string' ? hostObservationSchema.safeParse(JSON.parse(text)).data : undefined;
  }

  /** The host's agent is another one now, which counts from the beginning. What was told stays. */
  restart(hostId: HostId): void {
    this.#database.run('UPDATE reports SET sequence = 0 WHERE host_id = ?', hostId);
  }

  /** False for one that is no news: a later one was there before. */
  take(hostId: HostId, { sequence, revision, observation, steps, workspaces, problems }: HostReport): boolean {
    const json = (value: unknown) => (value === undefined ? null : JSON.stringify(value));
    const changed = this.#database.run(
      `INSERT INTO reports VALUES (?, ?, ?, ?, coalesce(?, '[]'), coalesce(?, '[]'), coalesce(?, '[]'))
       ON CONFLICT (host_id) DO UPDATE SET sequence = excluded.sequence, revision = coalesce(excluded.revision, revision),
         observation = coalesce(excluded.observation, observation), steps = coalesce(?, steps),
         workspaces = coalesce(?, workspaces), problems = coalesce(?, problems)
       WHERE excluded.sequence > sequence`,
      hostId,
      sequence,
      revision ?? null,
      json(observation),
      ...[steps, workspaces, problems].map(json),
      ...[steps, workspaces, problems].map(json),
    );
    return changed > 0;
  }
}

function fromRow(row: SqlRow): LastReport {
  const json = (column: string): unknown => JSON.parse(String(row[column]));
  const observedAt = row['observed_at'];
  // Of an earlier version's shape: as if it were not there, until the next report.
  return {
    revision: row['revision'] === null ? undefined : Number(row['revision']),
    observedAt: typeof observedAt === 'string' ? observedAt : undefined,
    steps: stepReportSchema.array().safeParse(json('steps')).data ?? [],
    workspaces: workspaceStatusSchema.array().safeParse(json('workspaces')).data ?? [],
    problems: planProblemSchema.array().safeParse(json('problems')).data ?? [],
  };
}
