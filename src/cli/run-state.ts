import type { ItemId, RunId } from '../contracts/ids.ts';
import type { ItemView, StatusRecord } from '../contracts/status.ts';
import type { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';

/** A run as it stands: the last record, with the items of the partial ones merged in. */
export interface RunState {
  readonly record: StatusRecord;
  readonly items: ReadonlyMap<ItemId, ItemView>;
}

/** Adds one record to what is known of a run, in time that grows with the record alone: the given state is used up. */
export function mergeStatus(state: RunState | undefined, record: StatusRecord): RunState {
  const items = record.partial === true && state !== undefined ? (state.items as Map<ItemId, ItemView>) : new Map();
  for (const item of record.items) items.set(item.id, item);
  return { record, items };
}

/** Where a run stands, read from its last whole record on; undefined before the daemon took it. */
export async function readRunState(transport: MailboxSubmissionTransport, runId: RunId): Promise<RunState | undefined> {
  const keys = await transport.statusKeys(runId);
  const records: StatusRecord[] = [];
  for await (const record of transport.statusesAt(keys.toReversed())) {
    records.unshift(record);
    if (!record.partial) break;
  }
  let state: RunState | undefined;
  for (const record of records) state = mergeStatus(state, record);
  return state;
}

export function countItems(state: RunState): ReadonlyMap<ItemView['status'], number> {
  const counts = new Map<ItemView['status'], number>();
  for (const item of state.items.values()) counts.set(item.status, (counts.get(item.status) ?? 0) + 1);
  return counts;
}

export function isWhollyDone(state: RunState): boolean {
  return [...state.items.values()].every((item) => item.status === 'done');
}
