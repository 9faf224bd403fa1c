import { roundAllMs } from '../base/duration.ts';
import type { DispatchOutcome, DispatchRecord } from '../contracts/dispatch.ts';
import type { FailureCode } from '../contracts/run.ts';

/** How a dispatch went, for whoever asked for it. */
export interface DispatchReport extends Omit<DispatchOutcome, 'outcome' | 'code' | 'message' | 'timings'> {
  readonly dispatchId: DispatchRecord['dispatchId'];
  readonly status: DispatchRecord['status'];
  readonly resolved: DispatchRecord['resolved'];
  readonly failure?: { readonly code: FailureCode; readonly message: string };
  /** What each stage took, in milliseconds: those of the process that executed it, then those in its worker. */
  readonly stages: Readonly<Record<string, number>>;
}

export function reportOf(record: DispatchRecord, stages: Readonly<Record<string, number>>): DispatchReport {
  const { dispatchId, status, resolved, result } = record;
  const { outcome: _, code, message = '', timings, ...others } = result ?? nothing;
  return {
    dispatchId,
    status,
    ...others,
    resolved,
    ...(status === 'failed' && code !== undefined ? { failure: { code, message } } : {}),
    stages: roundAllMs({ ...stages, ...workerStages(timings) }),
  };
}

const nothing: DispatchOutcome = {
  outcome: 'failed',
  durationMs: 0,
  artifacts: [],
  leftOut: [],
  redacted: [],
  blocks: [],
};

function workerStages(timings: DispatchOutcome['timings'] = undefined): Record<string, number> {
  return Object.fromEntries(
    Object.entries(timings ?? {}).map(([name, ms]) => [`worker ${name.replace(/Ms$/, '')}`, ms]),
  );
}
