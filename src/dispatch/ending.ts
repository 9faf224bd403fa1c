import type { DispatchCancel, DispatchRecord } from '../contracts/dispatch.ts';
import { outcomeOf, statusOf } from './outcome.ts';
import type { DispatchResult } from './result.ts';

/** What is known at the end of a dispatch. */
export interface Ending {
  readonly namespace: string;
  readonly result: DispatchResult;
  /** Who asked to end it, if somebody did. */
  readonly cancel: DispatchCancel | undefined;
  readonly endedAt: string;
}

/** The fields its record gets at its end. A worker that was stopped after a cancel is cancelled, whoever stopped it. */
export function endingOf({ dispatchId }: DispatchRecord, ending: Ending): Partial<DispatchRecord> {
  const { namespace, cancel, endedAt } = ending;
  const wasStopped = ending.result.outcome === 'stopped' || ending.result.outcome === 'lost';
  const isCancelled = cancel !== undefined && wasStopped;
  const result = outcomeOf({ namespace, dispatchId }, isCancelled ? stopped(ending.result) : ending.result);
  return {
    status: statusOf(result),
    endedAt,
    result,
    ...(isCancelled ? { cancel } : {}),
  };
}

function stopped({ code: _code, ...result }: DispatchResult): DispatchResult {
  if (result.outcome === 'stopped') return result;
  return { ...result, outcome: 'stopped', message: 'stopped on request' };
}

export function isEnded({ status }: Pick<DispatchRecord, 'status'>): boolean {
  return status !== 'accepted' && status !== 'running';
}
