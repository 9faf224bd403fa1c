import { withDeadline } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import type { TaskClock } from './task-clock.ts';

/** How long laying out the files or capturing the work may take, each. */
const stageMs = 5 * 60_000;
/** What capturing may take past the item's own time; the daemon stops a worker a minute past it. */
const pastTimeoutMs = 45_000;
/** How long after a stop was asked for capturing goes on: less than a provider waits before it kills. */
const afterStopMs = 8_000;

export interface StageOptions {
  readonly stop: AbortSignal;
  readonly abandoned: AbortSignal;
}

/** Ends the laying out: at its deadline, or at once when the work is not wanted any more. */
export function prepareSignal({ stop, abandoned }: StageOptions): AbortSignal {
  return withDeadline(stageMs, AbortSignal.any([stop, abandoned]));
}

export interface CaptureOptions {
  /** Aborted soon after a stop was asked for. */
  readonly stopped: AbortSignal;
  readonly abandoned: AbortSignal;
}

/** Ends a capture at its deadline, soon after a stop, and at once when nobody waits for it. */
export function captureSignal({ stopped, abandoned }: CaptureOptions, clock: TaskClock): AbortSignal {
  const ms = Math.round(Math.min(stageMs, clock.leftMs(pastTimeoutMs)));
  return withDeadline(ms, AbortSignal.any([stopped, abandoned]));
}

/** Whether an error is that of a stage that reached its deadline. */
export function isDeadlineError(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}

/** Aborted once a stop was asked for so long ago that what goes on has to end. */
export function soonAfter(stop: AbortSignal): AbortSignal {
  const late = new AbortController();
  const begin = (): void => {
    const reason = new AppError('interrupted', 'Cannot capture the work: stopped before it was done');
    setTimeout(() => late.abort(reason), afterStopMs).unref();
  };
  if (stop.aborted) begin();
  else stop.addEventListener('abort', begin, { once: true });
  return late.signal;
}
