import { waitUntil } from '../base/deadline.ts';
import type { DispatchRecord } from '../contracts/dispatch.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { DispatchId } from '../contracts/ids.ts';
import { claimAnswer } from './answer-claim.ts';
import { cleanUp } from './clean-up.ts';
import { stopGraceMs } from './dispatch.ts';
import { isEnded } from './ending.ts';
import { ownerState } from './owner.ts';
import type { DispatchPlace } from './place.ts';
import { readRecord, removeCancel, requireRecord, writeCancel, writeRecord } from './records.ts';
import { findWorker, settleDispatch } from './settle.ts';

/** An owner that takes a cancel gets the worker's grace and this long to collect and record. */
const recordMs = 50_000;

export interface CancelOptions {
  readonly actor: string;
  readonly onProblem: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** What a cancel did. */
export type Cancelled =
  /** Its worker was stopped, or it asked and is not answered any more; the record says what was kept. */
  | { readonly kind: 'cancelled'; readonly record: DispatchRecord }
  /** It ended before, or by itself meanwhile. */
  | { readonly kind: 'had-ended'; readonly record: DispatchRecord }
  /** It is an attempt of a run: the daemon cancels the item. */
  | { readonly kind: 'of-a-run'; readonly record: DispatchRecord };

/** Ends a dispatch and waits until it has. Raises `not-found`, and `not-ready` when it did not end in time. */
export async function cancelDispatch(
  place: DispatchPlace,
  dispatchId: DispatchId,
  options: CancelOptions,
): Promise<Cancelled> {
  const record = await requireRecord(place, dispatchId);
  if (record.run !== undefined) return { kind: isEnded(record) ? 'had-ended' : 'of-a-run', record };
  if (record.status === 'waiting') return cancelQuestion(place, record, options);
  if (isEnded(record)) return { kind: 'had-ended', record };
  await writeCancel(place, dispatchId, { actor: options.actor, at: new Date().toISOString() });
  const ended = await end(place, record, options);
  // The owner removes a mark it saw; one that came too late is ours to remove.
  await removeCancel(place, dispatchId);
  return { kind: ended.status === 'cancelled' ? 'cancelled' : 'had-ended', record: ended };
}

async function end(place: DispatchPlace, record: DispatchRecord, options: CancelOptions): Promise<DispatchRecord> {
  if (ownerState(record.owner) === 'gone') return settleStopped(place, record, options);
  const { dispatchId, owner } = record;
  const endedOrLeft = async () => {
    const latest = await requireRecord(place, dispatchId);
    return isEnded(latest) || ownerState(latest.owner) === 'gone' ? latest : undefined;
  };
  const latest = await waitUntil(
    `the end of dispatch "${dispatchId}", executed by process ${owner.pid} on ${owner.host}`,
    endedOrLeft,
    {
      timeoutMs: stopGraceMs + recordMs,
      intervalMs: 50,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
  ).catch((error: unknown) => {
    if (!isAppError(error, 'not-ready')) throw error;
    return undefined;
  });
  if (latest !== undefined) return isEnded(latest) ? latest : settleStopped(place, latest, options);
  return stopFromOutside(place, record);
}

async function settleStopped(place: DispatchPlace, record: DispatchRecord, { onProblem }: CancelOptions) {
  const settled = await settleDispatch(place, record, { stop: true, onProblem });
  if (isEnded(settled)) return settled;
  throw new AppError('not-ready', `Cannot cancel dispatch "${record.dispatchId}": its worker does not stop`, {
    next: `agora dispatch describe ${record.dispatchId}`,
  });
}

/** The process that executes it does not react: its worker is stopped over its head. */
async function stopFromOutside(place: DispatchPlace, record: DispatchRecord): Promise<DispatchRecord> {
  const compute = place.computeOf(record.work.target);
  const handle = await findWorker(compute, record);
  if (handle !== undefined) await compute.stop(handle, stopGraceMs);
  const latest = await readRecord(place, record.dispatchId);
  if (latest !== undefined && isEnded(latest)) return latest;
  const { pid, host } = record.owner;
  throw new AppError(
    'not-ready',
    `Cannot see dispatch "${record.dispatchId}" end: its worker was stopped, process ${pid} on ${host} has not recorded it`,
    { next: `End that process, then: agora dispatch describe ${record.dispatchId}` },
  );
}

/** A question that nobody will answer. */
async function cancelQuestion(
  place: DispatchPlace,
  record: DispatchRecord,
  { actor, onProblem }: CancelOptions,
): Promise<Cancelled> {
  const claim = await claimAnswer(place, record, undefined);
  const latest = await requireRecord(place, record.dispatchId);
  if (claim.kind === 'taken') return { kind: 'had-ended', record: latest };
  const cancel = { actor, at: new Date().toISOString() };
  const cancelled: DispatchRecord = { ...latest, status: 'cancelled', cancel };
  await writeRecord(place, cancelled);
  await cleanUp(place, cancelled, { release: async () => undefined, onProblem });
  return { kind: 'cancelled', record: cancelled };
}
