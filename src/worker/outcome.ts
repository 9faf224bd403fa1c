import type { FailureCode } from '../contracts/run.ts';
import type { TaskLimits, TaskResult } from '../contracts/task.ts';
import type { SubagentExit } from './subagent.ts';

/** How the work went, as the result file says it. */
export type Outcome = Pick<TaskResult, 'outcome' | 'failure' | 'message' | 'exitCode' | 'signal'>;

/** Why the supervisor itself ended a program. The first reason counts. */
export type EndingReason =
  | 'stopped'
  | 'abandoned'
  | 'hopeless'
  | 'timeout'
  | 'own-timeout'
  | 'output-limit'
  | 'disk-limit'
  | 'disk-reserve';

/** Everything that was observed about a run of a program. */
export interface RunEvidence {
  readonly exit: SubagentExit;
  readonly ending: EndingReason | undefined;
  /** How many processes the kernel killed for memory, and how many forks it refused, in this container. */
  readonly memoryKills: number;
  readonly refusedForks: number;
  readonly diskBytes: number;
}

const bytesPerMb = 1024 * 1024;
/** What a shell answers for a command killed by SIGXFSZ, a write past the file-size limit. */
const fileSizeExitCode = 128 + 25;

/** Says truthfully how a run ended; never from anything the program printed. */
export function outcomeOf(evidence: RunEvidence, limits: TaskLimits, subject = 'The command'): Outcome {
  const { exit, ending } = evidence;
  const { exitCode, signal } = exit;
  if (ending === 'stopped' || ending === 'abandoned') return { outcome: 'stopped', exitCode, signal };
  const failed = (failure: FailureCode, state: string) => failedWith(exit)(failure, `${subject} ${state}`);

  if (ending === 'timeout' || ending === 'own-timeout') {
    return failed('timeout', `ran longer than ${limits.timeoutSeconds} s`);
  }
  if (ending === 'output-limit') return failed('output-limit', `printed more than ${limits.outputBytes} bytes`);
  if (ending === 'disk-reserve') {
    return failedWith(exit)('disk-limit', 'The disk that holds the worktree was about to fill up');
  }
  if (ending === 'disk-limit' || isDiskFull(evidence, limits)) {
    return failedWith(exit)('disk-limit', `The worktree and outputs grew to the limit of ${limits.diskMb} MiB`);
  }
  if (exitCode === 0) return { outcome: 'done', exitCode, signal };
  if (evidence.memoryKills > 0) return failed('memory-limit', `needed more than ${limits.memoryMb} MiB of memory`);
  if (evidence.refusedForks > 0 || exit.isOutOfProcesses || exit.startError === 'EAGAIN') {
    return failed('pids-limit', `needed more than ${limits.pids} processes at once`);
  }
  if (exit.startError === 'sandbox') return failedWith(exit)('refused', 'The sandbox could not be set up');
  if (exit.startError !== undefined) return failed('exit-nonzero', `could not be started: ${exit.startError}`);
  return failed('exit-nonzero', exitState(exitCode, signal));
}

export function failedWith({ exitCode, signal }: Pick<Outcome, 'exitCode' | 'signal'>) {
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

function exitState(exitCode: number | null, signal: string | null): string {
  if (signal !== null) return `was ended by ${signal}`;
  const meanings: Readonly<Record<number, string>> = {
    126: ': a program cannot be executed',
    127: ': a program was not found',
  };
  return `ended with exit code ${exitCode}${meanings[exitCode ?? 0] ?? ''}`;
}
