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

/** The last that is known of a host. What was never told is undefined or empty, what was told stays. */
export interface LastReport {
  readonly sequence: number;
  readonly revision: number | undefined;
  readonly observation: HostObservation | undefined;
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
    const row = this.#database.get('SELECT * FROM reports WHERE host_id = ?', hostId);
    return row && fromRow(row);
  }

  /** The host's agent is another one now, which counts from the beginning. What was told stays. */
  restart(hostId: HostId): void {
    this.#database.run('UPDATE reports SET sequence = 0 WHERE host_id = ?', hostId);
  }

  /** False for one that is no news: a later one was there before. */
  take(hostId: HostId, report: HostReport): boolean {
    const before = this.of(hostId);
    if (before !== undefined && report.sequence <= before.sequence) return false;
    const { observation = before?.observation, revision = before?.revision } = report;
    this.#database.run(
      'INSERT OR REPLACE INTO reports VALUES (?, ?, ?, ?, ?, ?, ?)',
      hostId,
      report.sequence,
      revision ?? null,
      observation === undefined ? null : JSON.stringify(observation),
      JSON.stringify(report.steps ?? before?.steps ?? []),
      JSON.stringify(report.workspaces ?? before?.workspaces ?? []),
      JSON.stringify(report.problems ?? before?.problems ?? []),
    );
    return true;
  }
}

function fromRow(row: SqlRow): LastReport {
  const json = (column: string): unknown => (row[column] === null ? undefined : JSON.parse(String(row[column])));
  // Of an earlier version's shape: as if it were not there, until the next report.
  return {
    sequence: Number(row['sequence']),
    revision: row['revision'] === null ? undefined : Number(row['revision']),
    observation: hostObservationSchema.safeParse(json('observation')).data,
    steps: stepReportSchema.array().safeParse(json('steps')).data ?? [],
    workspaces: workspaceStatusSchema.array().safeParse(json('workspaces')).data ?? [],
    problems: planProblemSchema.array().safeParse(json('problems')).data ?? [],
  };
}
