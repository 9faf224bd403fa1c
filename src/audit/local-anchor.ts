import { canonicalize } from '../base/canonical-json.ts';
import { AppError } from '../contracts/errors.ts';
import type { Anchor, AnchorEntry, AnchorEvidence } from './anchor.ts';

export type AnchorRow = AnchorEntry;

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

  async record(entry: AnchorEntry): Promise<void> {
    await this.#rows.putAnchor(entry);
    const kept = await this.#rows.getAnchor(entry.runId);
    if (kept !== undefined && canonicalize(kept) === canonicalize(entry)) return;
    throw new AppError(
      'refused',
      `Cannot anchor run "${entry.runId}": another seal of it is anchored already (root ${kept?.root ?? 'unreadable'})`,
      { next: 'One of the two seals is not genuine: keep the state folder as it is and compare it with a backup.' },
    );
  }

  async evidence(runId: string): Promise<AnchorEvidence | undefined> {
    const row = await this.#rows.getAnchor(runId);
    if (row === undefined) return undefined;
    return { kind: this.kind, id: this.id, locator: `anchors/${runId}`, evidence: row };
  }
}
