import { isAppError, systemErrorCode } from '../contracts/errors.ts';
import type { FailureCode } from '../contracts/run.ts';
import type { TaskLimits } from '../contracts/task.ts';
import { failedWith, type Outcome } from './outcome.ts';
import { isDeadlineError } from './stage-deadline.ts';

/** The outcome when a stop came before the subagent was started. */
export const stoppedBeforeRun: Outcome = { outcome: 'stopped', exitCode: null, signal: null };

/** The outcome when the files to start from could not be laid out. */
export function prepareFailure(error: unknown, limits: TaskLimits): Outcome {
  if (isAppError(error, 'limit-exceeded') || isFullDisk(error)) {
    return notRun('disk-limit', `The files to start from do not fit into ${limits.diskMb} MiB`);
  }
  if (isAppError(error, 'source-refused')) {
    return notRun(
      'refused',
      'The files to start from are too many, or a capability has a file where they have a folder',
    );
  }
  if (isAppError(error, 'patch-conflict')) {
    return notRun('patch-conflict', 'What was done before the question does not fit the files to start from');
  }
  if (isAppError(error, 'refused'))
    return notRun('refused', 'What was done before the question is no patch of the work');
  if (isDeadlineError(error)) return notRun('timeout', 'Laying out the files to start from took too long');
  return notRun('integrity', 'The files to start from could not be laid out in the worktree');
}

const startMeanings: Readonly<Record<string, string>> = {
  E2BIG: ', an argument or a variable is longer than this system allows',
};

/** The outcome when a program could not even be launched. */
export function launchFailure(error: unknown, subject = 'The command'): Outcome {
  return notRun('refused', `${subject} ${launchState(error)}`);
}

export function launchState(error: unknown): string {
  const state = systemErrorCode(error) ?? (isAppError(error) ? error.code : 'unknown');
  return `could not be started: ${state}${startMeanings[state] ?? ''}`;
}

/** The outcome when the supervisor itself could not go on beside a program. */
export function runFailure(error: unknown): Outcome {
  if (isFullDisk(error)) return notRun('disk-limit', 'No space was left on the disk to run the command');
  return notRun('no-result', 'The worker could not follow the command to its end');
}

/** Why a part of the work could not be kept; `stopped` is no failure. */
export interface CaptureProblem {
  readonly failure: FailureCode | 'stopped';
  readonly message: string;
}

/** `memoryKills`: how many processes the kernel killed for memory meanwhile. */
export function captureProblem(error: unknown, limits: TaskLimits, memoryKills = 0): CaptureProblem {
  if (isAppError(error, 'interrupted'))
    return { failure: 'stopped', message: 'The worker was stopped before all was kept' };
  if (isDeadlineError(error)) return { failure: 'timeout', message: 'Keeping the work took too long and was given up' };
  if (isAppError(error, 'limit-exceeded'))
    return { failure: 'output-limit', message: `The patch is larger than ${limits.outputBytes} bytes` };
  if (isFullDisk(error)) return { failure: 'disk-limit', message: 'No space was left to capture the work' };
  if (memoryKills > 0)
    return { failure: 'memory-limit', message: `Making the patch needed more than ${limits.memoryMb} MiB of memory` };
  return { failure: 'no-result', message: 'The worktree could not be captured' };
}

/** The outcome after capture failed; what already failed stays as it was. */
export function captureFailure(outcome: Outcome, { failure, message }: CaptureProblem): Outcome {
  if (outcome.outcome === 'failed') return outcome;
  const { exitCode, signal } = outcome;
  if (failure === 'stopped') return { outcome: 'stopped', exitCode, signal };
  return failedWith(outcome)(failure, message);
}

function notRun(failure: FailureCode, message: string): Outcome {
  return failedWith({ exitCode: null, signal: null })(failure, message);
}

function isFullDisk(error: unknown): boolean {
  return isAppError(error, 'disk-full') || ['ENOSPC', 'EDQUOT'].includes(systemErrorCode(error) ?? '');
}
