import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../contracts/errors.ts';

/** A signal that aborts after `ms`, or with `signal` if that comes first. Its timer keeps no process alive. */
export function withDeadline(ms: number, signal?: AbortSignal): AbortSignal {
  const deadline = AbortSignal.timeout(ms);
  return signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
}

/** Resolves after `ms`; rejects with the signal's reason when aborted before. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

export interface WaitOptions {
  /** How long to wait at most. Default: 30000. */
  readonly timeoutMs?: number;
  /** How long between two looks. Default: 10. */
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
}

const defaults = { timeoutMs: 30_000, intervalMs: 10 } satisfies WaitOptions;

/** Looks until `condition` gives something truthy and returns that; `not-ready` when the time is over. */
export async function waitUntil<T>(
  what: string,
  condition: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<NonNullable<T>> {
  const { timeoutMs, intervalMs, signal } = { ...defaults, ...options };
  const endsAt = performance.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const value = await condition();
    if (value) return value;
    if (performance.now() >= endsAt) {
      throw new AppError('not-ready', `Cannot wait longer for ${what}: not so after ${timeoutMs} ms`);
    }
    await sleep(intervalMs, signal);
  }
}
