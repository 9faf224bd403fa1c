import { type RetryOptions, retry } from '../base/retry.ts';
import { isAppError } from '../contracts/errors.ts';

export interface UntilAnsweredOptions extends Pick<RetryOptions, 'delayMs' | 'maxDelayMs'> {
  readonly signal: AbortSignal;
  /** Told why there is no answer yet, each reason once in a row. */
  readonly log: (line: string) => void;
}

/** Asks an engine until it answers; undefined once the signal aborts. A failure of our own is raised. */
export async function untilAnswered<T>(
  ask: () => Promise<T>,
  { signal, log, ...backoff }: UntilAnsweredOptions,
): Promise<T | undefined> {
  let told: string | undefined;
  try {
    return await retry(ask, {
      ...backoff,
      signal,
      isRetryable: (error) => {
        if (!isAppError(error)) return false;
        if (error.message !== told) log(error.message);
        told = error.message;
        return true;
      },
    });
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}
