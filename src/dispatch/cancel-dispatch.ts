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
import { removeCancel, requireRecord, writeCancel, writeRecord } from './records.ts';
import { findWorker, settleDispatch } from './settle.ts';

/** Once its worker is stopped, whoever executes it gets this long to collect and record. */
const recordMs = 60_000;

/** How long whoever executes it may take to end it; then its worker is stopped from here. */
const reactMs = 3_000;

export interface CancelOptions {
  readonly actor: string;
  readonly onProblem: (line: string) => void;
  /** Default: 3000. */
  readonly reactMs?: number;
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
  const { pid, host } = record.owner;
  const process = `process ${pid} on ${host}`;
  const patienceMs = (options.reactMs ?? reactMs) + (place.storage.pollMs ?? 0);
  let latest = await endedOrLeft(place, record, patienceMs, options.signal);
  if (latest === undefined) {
    options.onProblem(`Stopping the worker of dispatch "${record.dispatchId}"; ${process} has to record the end`);
    await stopWorker(place, record).catch((error: unknown) => {
      throw isAppError(error, 'unreachable') ? noted(error, process) : error;
    });
    latest = await endedOrLeft(place, record, recordMs, options.signal);
  }
  if (latest !== undefined) return isEnded(latest) ? latest : settleStopped(place, latest, options);
  throw new AppError(
    'not-ready',
    `Cannot see dispatch "${record.dispatchId}" end: its worker was stopped, ${process} has not recorded it`,
    { next: `End that process, then: agora dispatch describe ${record.dispatchId}` },
  );
}

/** Whoever executes it saw the mark, and stops the worker as soon as it can. */
function noted({ message, next, cause }: AppError, process: string): AppError {
  const state = `the cancel is noted, and ${process} carries it out once that is over`;
  return new AppError('unreachable', `${message}; ${state}`, { cause, ...(next !== undefined && { next }) });
}

/** Its record once it has ended or the process that executed it is gone; undefined after that time. */
async function endedOrLeft(
  place: DispatchPlace,
  { dispatchId }: DispatchRecord,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<DispatchRecord | undefined> {
  const look = async () => {
    const latest = await requireRecord(place, dispatchId);
    return isEnded(latest) || ownerState(latest.owner) === 'gone' ? latest : undefined;
  };
  const options = { timeoutMs, intervalMs: 50, ...(signal === undefined ? {} : { signal }) };
  return waitUntil(`the end of dispatch "${dispatchId}"`, look, options).catch((error: unknown) => {
    if (!isAppError(error, 'not-ready')) throw error;
    return undefined;
  });
}

async function settleStopped(place: DispatchPlace, record: DispatchRecord, { onProblem }: CancelOptions) {
  const settled = await settleDispatch(place, record, { stop: true, onProblem });
  if (isEnded(settled)) return settled;
  throw new AppError('not-ready', `Cannot cancel dispatch "${record.dispatchId}": its worker does not stop`, {
    next: `agora dispatch describe ${record.dispatchId}`,
  });
}

async function stopWorker(place: DispatchPlace, record: DispatchRecord): Promise<void> {
  const compute = place.computeOf(record.work.target);
  const handle = await findWorker(compute, record);
  if (handle !== undefined) await compute.stop(handle, stopGraceMs);
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
