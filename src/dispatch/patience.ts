import { retry } from '../base/retry.ts';
import { type AppError, isAppError } from '../contracts/errors.ts';

export interface PatienceOptions {
  readonly signal: AbortSignal;
  /** Longest wait between two tries. Default: 5000. */
  readonly maxDelayMs?: number;
  /** Receives each new reason for waiting, with the next step. Default: none. */
  readonly onProblem?: ((line: string) => void) | undefined;
  /** Told what keeps it waiting, and undefined once nothing does. Default: nobody. */
  readonly onWaiting?: ((reason: string | undefined) => void) | undefined;
}

const defaults = { maxDelayMs: 5_000, onProblem: () => undefined, onWaiting: () => undefined };

/** How often an engine may answer with an error of its own: one that is going down does before it stops answering. */
const strangeTries = 6;

/** Tries until it works: a full disk, an engine or a storage that is away costs time, not the work. */
export async function patiently<T>(operation: () => Promise<T>, options: PatienceOptions): Promise<T> {
  const { signal, maxDelayMs = defaults.maxDelayMs, onProblem = defaults.onProblem } = options;
  const { onWaiting = defaults.onWaiting } = options;
  let strange = 0;
  let reason: string | undefined;
  const tell = tellReasons(onProblem);
  const isRetryable = (error: unknown): boolean => {
    if (!tell(error)) return isAppError(error, 'internal') && ++strange < strangeTries;
    reason = error instanceof Error ? error.message : String(error);
    onWaiting(reason);
    return true;
  };
  try {
    return await retry(operation, { signal, maxDelayMs, isRetryable });
  } finally {
    if (reason !== undefined) onWaiting(undefined);
  }
}

/** Tells each new reason for waiting; gives whether that is what an error is. */
export function tellReasons(onProblem: (line: string) => void = defaults.onProblem): (error: unknown) => boolean {
  let told = '';
  return (error) => {
    if (!isAppError(error, 'unreachable') && !isAppError(error, 'disk-full')) return false;
    if (error.message !== told) onProblem(waitingLine(error));
    told = error.message;
    return true;
  };
}

/** Why something waits, and what ends that. */
export function waitingLine({ message, next }: AppError): string {
  return `${message}; trying again${next === undefined ? '' : `\n  next: ${next}`}`;
}
