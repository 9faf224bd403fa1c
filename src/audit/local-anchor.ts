import { canonicalize } from '../base/canonical-json.ts';
import { AppError } from '../contracts/errors.ts';
import type { Anchor, AnchorEntry, ReadBack } from './anchor.ts';
import type { RunLog } from './record.ts';

export type AnchorRow = Omit<AnchorEntry, 'origin'>;

/** Where a `LocalAnchor` keeps its rows; the run store has it. */
export interface AnchorRows {
  /** Adds the row of a run that has none; leaves an existing row as it is. */
  putAnchor(row: AnchorRow): Promise<void>;
  getAnchor(runId: string): Promise<AnchorRow | undefined>;
}

/** Keeps roots beside the run state. It shows accidents and clumsy edits, nothing done by whoever holds the database. */
export class LocalAnchor implements Anchor {
  readonly kind = 'local';
  readonly id = 'local';
  readonly #rows: AnchorRows;

  constructor(rows: AnchorRows) {
    this.#rows = rows;
  }

  locatorOf({ runId }: RunLog): string {
    return `anchors/${runId}`;
  }

  async record({ origin: _, ...entry }: AnchorEntry): Promise<void> {
    await this.#rows.putAnchor(entry);
    const kept = await this.#rows.getAnchor(entry.runId);
    if (kept !== undefined && canonicalize(kept) === canonicalize(entry)) return;
    throw new AppError(
      'refused',
      `Cannot anchor run "${entry.runId}": another seal of it is anchored already (root ${kept?.root ?? 'unreadable'})`,
      { next: 'One of the two seals is not genuine: keep the state folder as it is and compare it with a backup.' },
    );
  }

  async readBack(run: RunLog): Promise<ReadBack> {
    const row = await this.#rows.getAnchor(run.runId);
    const versions = row === undefined ? [] : [{ at: row.at, entry: { origin: run.origin, ...row } }];
    return { locator: this.locatorOf(run), readAt: new Date().toISOString(), retentionMs: 0, versions };
  }
}
