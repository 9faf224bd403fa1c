import { sleep } from '../base/deadline.ts';
import { retryDelayMs } from '../base/retry.ts';
import type { AppError } from '../contracts/errors.ts';

/** One that was open for so long counts as one that held. */
const livedMs = 5_000;
const mostFailures = 10;
const backoff = { delayMs: 100, maxDelayMs: 5_000 };

export type Once<T> =
  | { readonly kind: 'over'; readonly value: T }
  /** Another session may go on where this one was. */
  | { readonly kind: 'lost'; readonly reason: AppError };

/** Has one session after the other until one was not lost; raises why one was, where they do not hold. */
export async function reopening<T>(once: () => Promise<Once<T>>, signal: AbortSignal): Promise<T> {
  for (let failures = 0; ; failures += 1) {
    const openedAt = performance.now();
    const outcome = await once();
    if (outcome.kind === 'over') return outcome.value;
    if (performance.now() - openedAt > livedMs) failures = 0;
    if (failures >= mostFailures) throw outcome.reason;
    await sleep(retryDelayMs(failures + 1, backoff), signal);
  }
}
