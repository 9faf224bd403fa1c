import { sleep } from './deadline.ts';

export interface RetryOptions {
  /** Tries in all. Default: no limit, until the signal aborts or an error may not be retried. */
  readonly attempts?: number;
  /** Wait after the first failure. Default: 100. */
  readonly delayMs?: number;
  /** What each wait is multiplied by to get the next. Default: 2. */
  readonly factor?: number;
  /** Longest wait. Default: 30000. */
  readonly maxDelayMs?: number;
  /** Share of each wait that is random, 0 to 1. Default: 0.5. */
  readonly jitter?: number;
  /** Whether another try may help. Default: always. */
  readonly isRetryable?: (error: unknown) => boolean;
  readonly signal?: AbortSignal;
}

const defaults = {
  attempts: Number.POSITIVE_INFINITY,
  delayMs: 100,
  factor: 2,
  maxDelayMs: 30_000,
  jitter: 0.5,
  isRetryable: () => true,
} satisfies RetryOptions;

/** Calls `operation` until it succeeds; throws its last error, or the signal's reason when aborted. */
export async function retry<T>(operation: (attempt: number) => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const complete = { ...defaults, ...options };
  const { attempts, isRetryable, signal } = complete;
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    try {
      return await operation(attempt);
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt >= attempts || !isRetryable(error)) throw error;
    }
    await sleep(retryDelayMs(attempt, complete), signal);
  }
}

export interface Backoff {
  readonly delayMs: number;
  readonly factor?: number;
  readonly maxDelayMs?: number;
  readonly jitter?: number;
}

/** The wait after the `attempt`-th failure. `random` is in [0, 1). */
export function retryDelayMs(attempt: number, backoff: Backoff, random: number = Math.random()): number {
  const { delayMs, factor, maxDelayMs, jitter } = { ...defaults, ...backoff };
  const full = Math.min(delayMs * factor ** (attempt - 1), maxDelayMs);
  return full * (1 - jitter * random);
}
