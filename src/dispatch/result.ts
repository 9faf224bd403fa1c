import type { TaskExit, TaskHandle } from '../compute/compute.ts';
import type { FailureCode } from '../contracts/run.ts';
import type { TaskLimits, TaskResult } from '../contracts/task.ts';
import { type Collected, mostLeftBytes } from './collect.ts';

/** How a dispatch ended. `message` is ours, never text the subagent printed. */
export interface DispatchResult {
  readonly outcome: 'done' | 'failed' | 'stopped' | 'lost' | 'needs-input';
  readonly code?: FailureCode;
  readonly message?: string;
  readonly exitCode?: number | null;
  readonly image?: string;
  readonly durationMs: number;
  readonly collected?: Collected;
}

export interface EndedTask {
  readonly handle: TaskHandle;
  readonly limits: TaskLimits;
  readonly exit: TaskExit;
  /** Who ended it, when it did not end by itself. */
  readonly endedBy: 'stop' | 'detach' | 'backstop' | undefined;
  readonly left: Collected | undefined;
  readonly durationMs: number;
}

type Judgement = Pick<DispatchResult, 'outcome' | 'code' | 'message' | 'exitCode'>;

export function resultOf(ended: EndedTask): DispatchResult {
  const { handle, left, durationMs } = ended;
  return { ...judge(ended), image: handle.image, durationMs, ...(left === undefined ? {} : { collected: left }) };
}

/** An earlier daemon fired it, and there is no trace of a worker. */
export function lostResult(durationMs: number): DispatchResult {
  const message = 'nothing of it was found after the daemon was away';
  return { outcome: 'lost', code: 'worker-lost', message, durationMs };
}

/** It was stopped, or the daemon was, before there was a worker. */
export function unstartedResult(durationMs: number, isInterrupted: boolean): DispatchResult {
  const message = 'stopped before its worker started';
  return { outcome: 'stopped', ...(isInterrupted ? { code: 'interrupted' as const } : {}), message, durationMs };
}

function judge({ handle, limits, exit, endedBy, left }: EndedTask): Judgement {
  if (endedBy === 'stop') return { outcome: 'stopped', message: 'stopped on request' };
  if (endedBy === 'detach') return { outcome: 'stopped', code: 'interrupted', message: 'the daemon stopped' };
  // One that ended in time, while nobody could see it, did so.
  if (endedBy === 'backstop' && (left?.result === undefined || left.result.outcome === 'stopped'))
    return failed('timeout', `did not end ${limits.timeoutSeconds} s after its start`);
  if (exit.kind === 'lost') return { outcome: 'lost', code: 'worker-lost', message: exit.reason };
  if (left?.isTooLarge === true) return failed('output-limit', `left more than ${mostLeftBytes(limits)} bytes`);
  const result = left?.result;
  if (result === undefined || result.dispatchId !== handle.dispatchId) return withoutResult(limits, exit);
  return fromWorker(result, left);
}

function withoutResult(limits: TaskLimits, exit: Extract<TaskExit, { kind: 'exited' }>): Judgement {
  if (exit.isOutOfMemory) return failed('memory-limit', `used more than ${limits.memoryMb} MiB`);
  return failed('no-result', `the worker ended with exit code ${exit.exitCode} and left no result`);
}

function fromWorker(result: TaskResult, left: Collected | undefined): Judgement {
  const { outcome, failure, message, exitCode } = result;
  if (outcome === 'stopped') {
    return {
      outcome: 'lost',
      code: 'worker-lost',
      message: 'something other than Agora stopped the worker',
      exitCode,
    };
  }
  if (outcome === 'done') return { outcome, exitCode };
  if (outcome === 'needs-input') {
    if (left?.question !== undefined) return { outcome, exitCode };
    return { ...failed('bad-question', 'it says that it asks, and left no question that can be read'), exitCode };
  }
  return { ...failed(failure ?? 'no-result', message ?? 'the worker gave no reason'), exitCode };
}

function failed(code: FailureCode, message: string): Judgement {
  return { outcome: 'failed', code, message };
}
