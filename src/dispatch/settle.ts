import { withDeadline } from '../base/deadline.ts';
import type { Compute, TaskExit, TaskHandle } from '../compute/compute.ts';
import type { DispatchRecord } from '../contracts/dispatch.ts';
import { isAppError } from '../contracts/errors.ts';
import { awaitedStorage } from './awaited-storage.ts';
import { cleanUp } from './clean-up.ts';
import { collect, mostLeftBytes } from './collect.ts';
import { stopGraceMs } from './dispatch.ts';
import { endingOf, isEnded } from './ending.ts';
import { ownerState } from './owner.ts';
import type { DispatchPlace } from './place.ts';
import { readCancel, readRecord, writeRecord } from './records.ts';
import { type DispatchResult, resultOf } from './result.ts';

/** How long a worker is asked whether it has ended. */
const askMs = 1_000;

/** Past its own timeout a worker ends by itself; one that does not is stopped after this. */
const overdueMs = 60_000;

export interface SettleOptions {
  /** Stop the worker if it still runs. Default: false. */
  readonly stop?: boolean;
  /** Receives what could not be removed, in words. */
  readonly onProblem: (line: string) => void;
}

/**
 * Ends what the process that executed a dispatch could not: collects its worker, records the end and removes it. Gives
 * the record as it is when that process lives, when the worker still runs, or when it belongs to a run, whose daemon
 * does this. Several may settle at once: each writes the same end, and the worker goes after the first.
 */
export async function settleDispatch(
  place: DispatchPlace,
  record: DispatchRecord,
  options: SettleOptions,
): Promise<DispatchRecord> {
  if (record.run !== undefined || isEnded(record) || ownerState(record.owner) !== 'gone') return record;
  const compute = place.computeOf(record.work.target);
  const handle = await findWorker(compute, record);
  const result =
    handle === undefined ? lost(record) : await resultOfWorker(place, record, { compute, handle, options });
  if (result === undefined) return record;

  // Read again: whoever settled it meanwhile wrote that before the worker was gone.
  const latest = await readRecord(place, record.dispatchId);
  if (latest === undefined || isEnded(latest)) return latest ?? record;
  const cancel = await readCancel(place, record.dispatchId);
  const { namespace } = place;
  const ended = { ...latest, ...endingOf(latest, { namespace, result, cancel, endedAt: new Date().toISOString() }) };
  await writeRecord(place, ended);
  const release = async () => (handle === undefined ? undefined : compute.remove(handle));
  await cleanUp(place, ended, { release, onProblem: options.onProblem });
  return ended;
}

/** The worker of a dispatch, whoever started it; undefined when there is none. */
export async function findWorker(
  compute: Compute,
  { deploymentId, dispatchId }: Pick<DispatchRecord, 'deploymentId' | 'dispatchId'>,
): Promise<TaskHandle | undefined> {
  return (await compute.list(deploymentId)).find((handle) => handle.dispatchId === dispatchId);
}

interface Worker {
  readonly compute: Compute;
  readonly handle: TaskHandle;
  readonly options: SettleOptions;
}

/** Undefined while it runs and may go on. */
async function resultOfWorker(
  place: DispatchPlace,
  record: DispatchRecord,
  { compute, handle, options }: Worker,
): Promise<DispatchResult | undefined> {
  if (options.stop === true || isOverdue(record)) await compute.stop(handle, stopGraceMs);
  const exit = await exitNow(compute, handle);
  if (exit === undefined) return undefined;
  const { limits } = record.resolved;
  try {
    const from = { compute, storage: awaitedStorage(place.storage) };
    const left = exit.kind === 'lost' ? undefined : await collect(from, handle, mostLeftBytes(limits));
    const durationMs = durationOf(record, left?.result?.timings);
    return resultOf({ handle, limits, exit, left, durationMs, endedBy: options.stop === true ? 'stop' : undefined });
  } catch (error) {
    // It was removed meanwhile, by whoever recorded its end.
    if (isAppError(error, 'not-found')) return lost(record);
    throw error;
  }
}

/** Undefined while it runs. */
async function exitNow(compute: Compute, handle: TaskHandle): Promise<TaskExit | undefined> {
  const deadline = withDeadline(askMs);
  try {
    return await compute.wait(handle, deadline);
  } catch (error) {
    if (deadline.aborted) return undefined;
    throw error;
  }
}

function isOverdue({ acceptedAt, startedAt = acceptedAt, resolved }: DispatchRecord): boolean {
  return Date.now() > Date.parse(startedAt) + resolved.limits.timeoutSeconds * 1000 + overdueMs;
}

/** As its worker measured it, so that all who settle it say the same. */
function durationOf(record: DispatchRecord, timings: Readonly<Record<string, number>> | undefined): number {
  if (timings !== undefined) return Object.values(timings).reduce((sum, ms) => sum + ms, 0);
  return Math.max(0, Date.now() - Date.parse(record.startedAt ?? record.acceptedAt));
}

function lost(record: DispatchRecord): DispatchResult {
  const message = 'the process that executed it ended, and nothing is left of its worker';
  return { outcome: 'lost', code: 'worker-lost', message, durationMs: durationOf(record, undefined) };
}
