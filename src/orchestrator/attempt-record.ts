import { once } from 'node:events';
import type { DispatchRecord } from '../contracts/dispatch.ts';
import { isAppError } from '../contracts/errors.ts';
import type { DispatchId } from '../contracts/ids.ts';
import { outcomeOf, statusOf } from '../dispatch/outcome.ts';
import { thisProcess } from '../dispatch/owner.ts';
import { RecordKeeper } from '../dispatch/record-keeper.ts';
import { expiryOf, type RecordPlace, readRecord, writeRecord } from '../dispatch/records.ts';
import { type ResolvedWork, resolvedRecord } from '../dispatch/resolve-work.ts';
import type { DispatchResult } from '../dispatch/result.ts';
import type { AttemptRequest, AttemptSignals, ExecutorRun } from './executor.ts';

export interface AttemptRecordOptions {
  readonly place: RecordPlace;
  readonly run: ExecutorRun;
  readonly request: AttemptRequest;
  readonly resolved: ResolvedWork;
  readonly provider: string;
  readonly answer: DispatchRecord['answer'];
  /** As an earlier daemon left it: it keeps its times. */
  readonly before: DispatchRecord | undefined;
  /** Ends the waiting for a full disk before the worker starts, and any other. */
  readonly signals: AttemptSignals;
  readonly onProblem: (line: string) => void;
}

/**
 * The record of a run's dispatch, by which `agora dispatch` finds it. A full disk or a storage that is away is waited for; any
 * other failure is only told: the run's own state is what decides.
 */
export class AttemptRecord {
  readonly #options: AttemptRecordOptions;
  readonly #keeper: RecordKeeper;

  private constructor(options: AttemptRecordOptions, record: DispatchRecord) {
    const { place, signals, onProblem } = options;
    this.#options = options;
    this.#keeper = new RecordKeeper(place, record, {
      signal: signals.expired,
      onProblem,
      onWaiting: signals.onWaiting,
    });
  }

  static async accept(options: AttemptRecordOptions): Promise<AttemptRecord> {
    const { before, signals } = options;
    const record = new AttemptRecord(options, { ...newRecord(options), ...timesOf(before) });
    await untilAborted(record.#change({}), AbortSignal.any([signals.stop, signals.detach]));
    if (before === undefined) await record.#linkBack();
    return record;
  }

  started(worker: { readonly providerId: string; readonly image: string }): Promise<void> {
    const { startedAt = now() } = this.#keeper.record;
    return this.#change({ status: 'running', startedAt, providerId: worker.providerId, image: worker.image });
  }

  ended(result: DispatchResult): Promise<void> {
    const { place, request } = this.#options;
    const outcome = outcomeOf({ namespace: place.namespace, dispatchId: request.dispatchId }, result);
    return this.#change({ status: statusOf(outcome), endedAt: now(), result: outcome });
  }

  /** The dispatch that asked leads to the one that goes on. */
  async #linkBack(): Promise<void> {
    const { place, request, onProblem } = this.#options;
    const asker = askerOf(request);
    if (asker === undefined) return;
    try {
      const record = await readRecord(place, asker);
      if (record !== undefined) await writeRecord(place, { ...record, answeredBy: request.dispatchId });
    } catch (error) {
      onProblem(`Cannot note in the record of ${asker} that it was answered: ${messageOf(error)}`);
    }
  }

  async #change(fields: Partial<DispatchRecord>): Promise<void> {
    const { request, signals, onProblem } = this.#options;
    try {
      await this.#keeper.change(fields);
    } catch (error) {
      if (!signals.expired.aborted) onProblem(`Cannot write the record of ${request.dispatchId}: ${messageOf(error)}`);
    }
  }
}

/** Undefined when there is none that can be read, so that it is written anew. */
export async function readBefore(place: RecordPlace, dispatchId: DispatchId): Promise<DispatchRecord | undefined> {
  try {
    return await readRecord(place, dispatchId);
  } catch (error) {
    if (isAppError(error, 'state-corrupt')) return undefined;
    throw error;
  }
}

function newRecord({ run, request, resolved, provider, answer }: AttemptRecordOptions): DispatchRecord {
  const acceptedAt = now();
  const resumes = askerOf(request);
  return {
    format: 'agora/dispatch/v1',
    dispatchId: request.dispatchId,
    deploymentId: run.deploymentId,
    status: 'accepted',
    actor: run.actor,
    acceptedAt,
    expiresAt: expiryOf(acceptedAt),
    owner: thisProcess(),
    run: { runId: run.runId, itemId: request.item.id, attempt: request.attempt },
    work: resolved.work,
    resolved: resolvedRecord(resolved),
    provider,
    ...(resumes === undefined ? {} : { resumes }),
    ...(answer === undefined ? {} : { answer }),
  };
}

function timesOf(before: DispatchRecord | undefined): Partial<DispatchRecord> {
  if (before === undefined) return {};
  const { acceptedAt, expiresAt, startedAt, status, providerId, image, answer } = before;
  return {
    acceptedAt,
    expiresAt,
    status,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(providerId === undefined ? {} : { providerId }),
    ...(image === undefined ? {} : { image }),
    ...(answer === undefined ? {} : { answer }),
  };
}

/** The dispatch whose question was answered. */
function askerOf({ resume }: AttemptRequest): DispatchId | undefined {
  const [, id] = resume?.question.match(/\/artifact\/([^/]+)\//) ?? [];
  // A ref was checked to hold a dispatch id.
  return id as DispatchId | undefined;
}

/** Work that goes on by itself is waited for until nobody wants what comes after it. */
async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const over = new AbortController();
  const aborted = once(signal, 'abort', { signal: over.signal }).catch(() => undefined); // The work was first.
  await Promise.race([work, aborted]);
  over.abort();
}

function now(): string {
  return new Date().toISOString();
}

function messageOf(error: unknown): string {
  return isAppError(error) || error instanceof Error ? error.message : String(error);
}
