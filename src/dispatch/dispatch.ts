import { withDeadline } from '../base/deadline.ts';
import type { Compute, TaskExit, TaskHandle } from '../compute/compute.ts';
import type { Task } from '../contracts/task.ts';
import type { Storage } from '../storage/storage.ts';
import { type Collected, collect, mostLeftBytes } from './collect.ts';
import { patiently, tellReasons } from './patience.ts';
import { type DispatchResult, lostResult, resultOf, unstartedResult } from './result.ts';
import { StageTimes } from './stage-times.ts';

/** Between SIGTERM and SIGKILL, for a worker that is stopped. */
export const stopGraceMs = 10_000;

/** The same when the daemon itself is stopping: it has promised to be gone in five seconds. */
const detachGraceMs = 3_000;

/** Past its own timeout a worker gets this long to end by itself; then it is stopped from outside. */
const backstopMs = 60_000;

export interface DispatchPorts {
  readonly compute: Compute;
  readonly storage: Storage;
  /** Receives what a dispatch waits for, in words. Default: none. */
  readonly onProblem?: (line: string) => void;
  /** Told what keeps it waiting before its worker runs or after it ended, and undefined once it goes on. Default: nobody. */
  readonly onWaiting?: ((reason: string | undefined) => void) | undefined;
  /** Told once the worker is there. Default: nobody. */
  readonly onStarted?: (handle: TaskHandle) => void;
}

export interface DispatchSignals {
  readonly stop: AbortSignal;
  /** The daemon ends. Its reason `stop` stops also workers that could go on without it. */
  readonly detach: AbortSignal;
  /** Some seconds after `detach`: the daemon has no more time for what it has begun. */
  readonly expired: AbortSignal;
}

export interface EndedDispatch {
  readonly result: DispatchResult;
  /** Removes the worker. Called once the result is recorded, so that a crash before that finds it again. */
  readonly release: () => Promise<void>;
  /** What each stage took, in milliseconds. */
  readonly stages: Readonly<Record<string, number>>;
}

/** Why we ended a wait, when it was not the worker. */
type Ended = 'stop' | 'detach' | 'backstop';

/**
 * Runs a task to its end and stores what it made. Undefined when it was left running for the next daemon. A resumed one
 * is looked for and followed; when there is no trace of it, it is lost.
 */
export async function runDispatch(
  ports: DispatchPorts,
  dispatch: { readonly task: Task; readonly isResumed: boolean },
  signals: DispatchSignals,
): Promise<EndedDispatch | undefined> {
  const { compute } = ports;
  const { task, isResumed } = dispatch;
  const times = new StageTimes();
  const handle = isResumed ? await find(ports, task, signals.detach) : await start(ports, task, signals);
  times.end('start');
  if (handle === 'detached') return undefined;
  if (handle === undefined) {
    const result = isResumed ? lostResult(times.totalMs) : unstartedResult(times.totalMs, !signals.stop.aborted);
    return { result, release: async () => undefined, stages: times.stages };
  }
  ports.onStarted?.(handle);

  const followed = await follow(ports, { handle, task }, signals);
  times.end('wait');
  if (followed === undefined) return undefined;
  const { exit, endedBy } = followed;
  const isLeft = compute.outlivesDaemon && endedBy !== 'detach';
  const giveUp = isLeft ? signals.detach : signals.expired;
  const left = exit.kind === 'lost' ? undefined : await collectPatiently(ports, { handle, task }, giveUp);
  times.end('collect');
  if (left === 'detached') return undefined;
  const { limits } = task.spec;
  return {
    result: resultOf({ handle, limits, exit, endedBy, left, durationMs: times.totalMs }),
    release: () => compute.remove(handle),
    stages: handle.timings === undefined ? times.stages : { ...handle.timings, ...withoutStart(times.stages) },
  };
}

/** The provider tells the start in more detail. */
function withoutStart({ start: _start, ...others }: StageTimes['stages']): StageTimes['stages'] {
  return others;
}

/** Undefined when it was stopped before it started. What an engine began nevertheless is swept by the next daemon. */
async function start(
  { compute, onProblem, onWaiting }: DispatchPorts,
  task: Task,
  signals: DispatchSignals,
): Promise<TaskHandle | undefined> {
  const signal = AbortSignal.any([signals.stop, signals.detach]);
  try {
    return await patiently(() => compute.start(task, signal), { signal, onProblem, onWaiting });
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

async function find(
  { compute, onProblem }: DispatchPorts,
  task: Task,
  detach: AbortSignal,
): Promise<TaskHandle | undefined | 'detached'> {
  try {
    const list = () => compute.list(task.owner.deploymentId);
    const handles = await patiently(list, { signal: detach, onProblem });
    return handles.find((handle) => handle.dispatchId === task.spec.dispatchId);
  } catch (error) {
    if (detach.aborted) return 'detached';
    throw error;
  }
}

/** Waits for the end; a stop, the daemon's own end or the backstop end it from outside. */
async function follow(
  { compute, onProblem }: DispatchPorts,
  { handle, task }: { readonly handle: TaskHandle; readonly task: Task },
  signals: DispatchSignals,
): Promise<{ readonly exit: TaskExit; readonly endedBy: Ended | undefined } | undefined> {
  const backstop = withDeadline(task.spec.limits.timeoutSeconds * 1000 + backstopMs);
  const interrupted = AbortSignal.any([signals.stop, signals.detach, backstop]);
  try {
    return { exit: await compute.wait(handle, interrupted, tellReasons(onProblem)), endedBy: undefined };
  } catch (error) {
    if (!interrupted.aborted) throw error;
  }
  const endedBy: Ended = signals.stop.aborted ? 'stop' : backstop.aborted ? 'backstop' : 'detach';
  if (endedBy === 'detach' && compute.outlivesDaemon && signals.detach.reason !== 'stop') return undefined;
  const graceMs = endedBy === 'detach' ? detachGraceMs : stopGraceMs;
  const { expired } = signals;
  try {
    await patiently(() => compute.stop(handle, graceMs), { signal: expired, maxDelayMs: 2_000, onProblem });
    // It has ended; this only asks how.
    return { exit: await compute.wait(handle, expired), endedBy };
  } catch (error) {
    // The engine is away: what still runs there is the next daemon's.
    if (expired.aborted) return undefined;
    throw error;
  }
}

async function collectPatiently(
  ports: DispatchPorts,
  { handle, task }: { readonly handle: TaskHandle; readonly task: Task },
  signal: AbortSignal,
): Promise<Collected | 'detached'> {
  try {
    const take = () => collect(ports, handle, mostLeftBytes(task.spec.limits));
    const { onProblem, onWaiting } = ports;
    return await patiently(take, { signal, onProblem, onWaiting });
  } catch (error) {
    if (signal.aborted) return 'detached';
    throw error;
  }
}
