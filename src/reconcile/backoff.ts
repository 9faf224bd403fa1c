import { retryDelayMs } from '../base/retry.ts';

const longestMs = 300_000;

/** How long the next try waits after so many failures. */
export function waitMs(failures: number): number {
  return retryDelayMs(failures, { delayMs: 1_000, maxDelayMs: longestMs, jitter: 0 });
}

/** A wait longer than any that is given is one of a clock that was put back since. */
export function isDue(at: number, now: number, longest = longestMs): boolean {
  return at <= now || at - now > longest;
}
