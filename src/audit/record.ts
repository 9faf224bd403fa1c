import { canonicalize } from '../base/canonical-json.ts';
import { leafHashOf, type RecordDraft } from './verify/record.ts';

export type { RecordDraft } from './verify/record.ts';

/** Which log a record goes to. */
export interface RunLog {
  /** `agora/<deploymentId>` */
  readonly origin: string;
  readonly runId: string;
}

/** Where the next record of a run goes. */
export interface LogPosition {
  readonly nextSequence: number;
  /** Leaf hash of the last record, '' when there is none. */
  readonly previousHash: string;
}

export const startOfLog: LogPosition = { nextSequence: 0, previousHash: '' };

export interface AppendedRecord {
  /** The record's JCS text: what is stored and hashed. */
  readonly text: string;
  /** RFC 6962 leaf hash of the text, hex. */
  readonly hash: string;
  /** Where the record after this one goes. */
  readonly position: LogPosition;
}

/** The origin of a deployment's records. */
export function originOf(deploymentId: string): string {
  return `agora/${deploymentId}`;
}

/** Gives a draft its place in a run's log. `at` is a UTC time with milliseconds. Writes nothing. */
export function appendRecord(log: RunLog, position: LogPosition, draft: RecordDraft, at: string): AppendedRecord {
  const { nextSequence, previousHash } = position;
  // The members of a record in JCS order, written out: this runs for every transition of every item.
  const attempt = draft.attempt === undefined ? '' : `"attempt":${draft.attempt},`;
  const item = draft.item === undefined ? '' : `"item":${JSON.stringify(draft.item)},`;
  const body = canonicalize(draft.body, { numbers: 'integer' });
  const text =
    `{"at":${JSON.stringify(at)},${attempt}"body":${body},${item}"kind":"${draft.kind}",` +
    `"log":${JSON.stringify(log.origin)},"prev":"${previousHash}","run":${JSON.stringify(log.runId)},` +
    `"seq":${nextSequence},"v":1}`;
  const hash = leafHashOf(text);
  return { text, hash, position: { nextSequence: nextSequence + 1, previousHash: hash } };
}
