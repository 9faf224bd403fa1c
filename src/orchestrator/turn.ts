import { appendRecord, type RecordDraft } from '../audit/record.ts';
import type { Digest, DispatchId } from '../contracts/ids.ts';
import type { Manifest } from '../contracts/manifest.ts';
import type { ItemNode, RunBoard } from './board.ts';
import type { AttemptRequest } from './executor.ts';

export interface FiredAttempt {
  readonly node: ItemNode;
  readonly attempt: number;
  readonly request: AttemptRequest;
  readonly manifest: Manifest;
  readonly manifestText: string;
}

export interface AppendedRecord {
  readonly run: RunBoard;
  readonly sequence: number;
  readonly text: string;
}

/** What one turn decided: rows to write in one transaction, then work to start and to stop. */
export interface Turn {
  /** Names this deployment in every record. */
  readonly origin: string;
  readonly at: string;
  readonly nowMs: number;
  readonly records: AppendedRecord[];
  readonly admitted: RunBoard[];
  readonly touchedItems: Set<ItemNode>;
  readonly touchedRuns: Set<RunBoard>;
  readonly fired: FiredAttempt[];
  readonly stopping: Set<ItemNode>;
  readonly closed: Set<RunBoard>;
}

/** What the scheduler must know of the outside to fire an item; all of it pure. */
export interface TurnContext {
  readonly dispatchIdOf: (node: ItemNode, attempt: number) => DispatchId;
  readonly manifestOf: (node: ItemNode, request: AttemptRequest) => Manifest;
  readonly digestOfManifest: (manifest: Manifest) => { readonly text: string; readonly digest: Digest };
}

export function newTurn(nowMs: number, origin: string): Turn {
  return {
    origin,
    at: new Date(nowMs).toISOString(),
    nowMs,
    records: [],
    admitted: [],
    touchedItems: new Set(),
    touchedRuns: new Set(),
    fired: [],
    stopping: new Set(),
    closed: new Set(),
  };
}

/** Appends a record to the run's log and returns its sequence. */
export function record(turn: Turn, run: RunBoard, draft: RecordDraft): number {
  const sequence = run.log.nextSequence;
  const appended = appendRecord({ origin: turn.origin, runId: run.runId }, run.log, draft, turn.at);
  run.log = appended.position;
  turn.records.push({ run, sequence, text: appended.text });
  turn.touchedRuns.add(run);
  return sequence;
}

export function touch(turn: Turn, node: ItemNode): void {
  turn.touchedItems.add(node);
  turn.touchedRuns.add(node.run);
}
