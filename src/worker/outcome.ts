import { isAppError, systemErrorCode } from '../contracts/errors.ts';
import type { FailureCode } from '../contracts/run.ts';
import type { TaskLimits, TaskResult } from '../contracts/task.ts';
import { isDeadlineError } from './stage-deadline.ts';
import type { SubagentExit } from './subagent.ts';

/** How the work went, as the result file says it. */
export type Outcome = Pick<TaskResult, 'outcome' | 'failure' | 'message' | 'exitCode' | 'signal'>;

/** Why the supervisor itself ended the subagent. The first reason counts. */
export type EndingReason = 'stopped' | 'abandoned' | 'timeout' | 'output-limit' | 'disk-limit' | 'disk-reserve';

/** Everything that was observed about a run of the subagent. */
export interface RunEvidence {
  readonly exit: SubagentExit;
  readonly ending: EndingReason | undefined;
  /** How many processes the kernel killed for memory, and how many forks it refused, in this container. */
  readonly memoryKills: number;
  readonly refusedForks: number;
  readonly diskBytes: number;
}

const bytesPerMb = 1024 * 1024;
const startMeanings: Readonly<Record<string, string>> = {
  E2BIG: ', an argument or a variable is longer than this system allows',
};
/** What a shell answers for a command killed by SIGXFSZ, a write past the file-size limit. */
const fileSizeExitCode = 128 + 25;

/** Says truthfully how a run ended; never from anything the subagent printed. */
export function outcomeOf(evidence: RunEvidence, limits: TaskLimits): Outcome {
  const { exit, ending } = evidence;
  const { exitCode, signal } = exit;
  if (ending === 'stopped' || ending === 'abandoned') return { outcome: 'stopped', exitCode, signal };
  const failed = failedWith(exit);

  if (ending === 'timeout') return failed('timeout', `The command ran longer than ${limits.timeoutSeconds} s`);
  if (ending === 'output-limit')
    return failed('output-limit', `The command printed more than ${limits.outputBytes} bytes`);
  if (ending === 'disk-reserve') return failed('disk-limit', 'The disk that holds the worktree was about to fill up');
  if (ending === 'disk-limit' || isDiskFull(evidence, limits)) {
    return failed('disk-limit', `The worktree and outputs grew to the limit of ${limits.diskMb} MiB`);
  }
  if (exitCode === 0) return { outcome: 'done', exitCode, signal };
  if (evidence.memoryKills > 0)
    return failed('memory-limit', `The command needed more than ${limits.memoryMb} MiB of memory`);
  if (evidence.refusedForks > 0 || exit.isOutOfProcesses || exit.startError === 'EAGAIN') {
    return failed('pids-limit', `The command needed more than ${limits.pids} processes at once`);
  }
  if (exit.startError === 'sandbox') return failed('refused', 'The sandbox could not be set up');
  if (exit.startError !== undefined)
    return failed('exit-nonzero', `The command could not be started: ${exit.startError}`);
  return failed('exit-nonzero', exitSentence(exitCode, signal));
}

/** The outcome when the files to start from could not be laid out. */
export function prepareFailure(error: unknown, limits: TaskLimits): Outcome {
  if (isAppError(error, 'limit-exceeded') || isFullDisk(error)) {
    return notRun('disk-limit', `The files to start from do not fit into ${limits.diskMb} MiB`);
  }
  if (isAppError(error, 'source-refused')) return notRun('refused', 'The files to start from are too many');
  if (isDeadlineError(error)) return notRun('timeout', 'Laying out the files to start from took too long');
  return notRun('integrity', 'The files to start from could not be laid out in the worktree');
}

/** The outcome when the command could not even be launched. */
export function launchFailure(error: unknown): Outcome {
  const state = systemErrorCode(error) ?? (isAppError(error) ? error.code : 'unknown');
  return notRun('refused', `The command could not be started: ${state}${startMeanings[state] ?? ''}`);
}

/** The outcome when the supervisor itself could not go on beside the command. */
export function runFailure(error: unknown): Outcome {
  if (isFullDisk(error)) return notRun('disk-limit', 'No space was left on the disk to run the command');
  return notRun('no-result', 'The worker could not follow the command to its end');
}

/** The outcome after capture failed; what already failed stays as it was. */
export function captureFailure(outcome: Outcome, error: unknown, limits: TaskLimits): Outcome {
  if (outcome.outcome === 'failed') return outcome;
  const { exitCode, signal } = outcome;
  if (isAppError(error, 'interrupted')) return { outcome: 'stopped', exitCode, signal };
  const failed = failedWith(outcome);
  if (isDeadlineError(error)) return failed('timeout', 'Making the patch took too long and was given up');
  if (isAppError(error, 'limit-exceeded'))
    return failed('output-limit', `The patch is larger than ${limits.outputBytes} bytes`);
  if (isFullDisk(error)) return failed('disk-limit', 'No space was left to capture the work');
  return failed('no-result', 'The worktree could not be captured');
}

/** The outcome when a stop came before the subagent was started. */
export const stoppedBeforeRun: Outcome = { outcome: 'stopped', exitCode: null, signal: null };

function notRun(failure: FailureCode, message: string): Outcome {
  return failedWith({ exitCode: null, signal: null })(failure, message);
}

function failedWith({ exitCode, signal }: Pick<Outcome, 'exitCode' | 'signal'>) {
  return (failure: FailureCode, message: string): Outcome => ({
    outcome: 'failed',
    failure,
    message,
    exitCode,
    signal,
  });
}

function isDiskFull({ exit, diskBytes }: RunEvidence, limits: TaskLimits): boolean {
  const limitBytes = limits.diskMb * bytesPerMb;
  if (diskBytes > limitBytes) return true;
  const hitFileSize = exit.signal === 'SIGXFSZ' || exit.exitCode === fileSizeExitCode;
  return hitFileSize || (exit.exitCode !== 0 && diskBytes >= limitBytes);
}

function isFullDisk(error: unknown): boolean {
  return isAppError(error, 'disk-full') || ['ENOSPC', 'EDQUOT'].includes(systemErrorCode(error) ?? '');
}

function exitSentence(exitCode: number | null, signal: string | null): string {
  if (signal !== null) return `The command was ended by ${signal}`;
  const meanings: Readonly<Record<number, string>> = {
    126: ': a program cannot be executed',
    127: ': a program was not found',
  };
  return `The command ended with exit code ${exitCode}${meanings[exitCode ?? 0] ?? ''}`;
}
