import type { Redactor } from '../base/redact.ts';
import type { TaskSpec } from '../contracts/task.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';
import type { Recording } from './recording.ts';
import type { StageTimes } from './stage-times.ts';
import type { TaskClock } from './task-clock.ts';
import { writeLog } from './worker-log.ts';

/** A task that is being done: what all its stages share. */
export interface Job {
  readonly place: WorkerPlace;
  readonly spec: TaskSpec;
  readonly secrets: Readonly<Record<string, string>>;
  readonly redactor: Redactor;
  readonly recording: Recording;
  readonly clock: TaskClock;
  readonly times: StageTimes;
  /** Asks to end what runs and to keep what it made. */
  readonly stop: AbortSignal;
  /** Nobody waits for the task any more. */
  readonly abandoned: AbortSignal;
}

/** The cause goes to the worker's log; the result file says only what is certain. */
export function complain(redactor: Redactor, action: string, error: unknown): void {
  const cause = error instanceof Error ? error.message : String(error);
  writeLog(redactor.text(`agora worker: cannot ${action}: ${cause}\n`));
}
