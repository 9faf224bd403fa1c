import type { Readable } from 'node:stream';
import { AppError } from '../contracts/errors.ts';
import type { RuntimeName } from '../contracts/subagent.ts';
import type { TaskResult, TaskSpec } from '../contracts/task.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';
import { commandRuntime } from '../runtime/command.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { type CapturedWork, captureOutputs, captureWorktree, nothingCaptured } from './capture.ts';
import { captureFailure, type Outcome, prepareFailure, stoppedBeforeRun } from './outcome.ts';
import { prepareWork } from './prepare.ts';
import { readSecrets, readTaskSpec } from './receive.ts';
import type { OutputFiles } from './relay.ts';
import { writeResult } from './report.ts';
import { runSubagent } from './run.ts';
import { captureSignal, prepareSignal } from './stage-deadline.ts';

const runtimes: Readonly<Record<RuntimeName, Runtime>> = { command: commandRuntime };

/** How the world outside reaches a supervisor. */
export interface SupervisorSignals {
  /** Gives the secrets, and stays open for as long as somebody waits for the worker. */
  readonly stdin: Readable;
  /** Asks to end the subagent and to keep what it made. */
  readonly stop: AbortSignal;
  /** Aborted here when stdin ends in a place where that means that nobody waits. */
  readonly abandoned: AbortController;
  /** Files that the subagent's output goes on to. Default: this process's own output. */
  readonly output?: OutputFiles;
}

/** Does one task, from its files to its result file. Rejects only when no truthful result can be left. */
export async function supervise(place: WorkerPlace, signals: SupervisorSignals): Promise<TaskResult> {
  const spec = await readTaskSpec(place.paths.task);
  const secrets = await readSecrets(signals.stdin, spec.secretBytes);
  if (place.endsWithStdin) watchStdin(signals.stdin, signals.abandoned);

  const startedAt = performance.now();
  const prepared = await timed(() => prepare(place, spec, signals));
  const ran = await timed(() => prepared.value ?? run(place, spec, secrets, signals));
  const captured = await timed(() => {
    if (prepared.value) return { ...prepared.value, ...nothingCaptured };
    const times = { timeoutMs: spec.limits.timeoutSeconds * 1000, elapsedMs: performance.now() - startedAt };
    const signal = captureSignal({ stop: signals.stop, abandoned: signals.abandoned.signal }, times);
    return capture(place, spec, { outcome: ran.value, signal });
  });
  if (signals.abandoned.signal.aborted)
    throw new AppError('interrupted', 'Cannot report: nobody waits for this worker');

  const timings = { prepareMs: prepared.ms, runMs: ran.ms, captureMs: captured.ms };
  const result: TaskResult = { dispatchId: spec.dispatchId, ...captured.value, timings };
  await writeResult(place.paths.out, result);
  return result;
}

/** Lays out the worktree; gives the outcome only when that failed. */
async function prepare(
  place: WorkerPlace,
  spec: TaskSpec,
  { stop, abandoned }: SupervisorSignals,
): Promise<Outcome | undefined> {
  try {
    await prepareWork(place, spec, prepareSignal({ stop, abandoned: abandoned.signal }));
    return undefined;
  } catch (error) {
    if (stop.aborted || abandoned.signal.aborted) return stoppedBeforeRun;
    complain('prepare the worktree', error);
    return prepareFailure(error, spec.limits);
  }
}

async function run(
  place: WorkerPlace,
  spec: TaskSpec,
  secrets: Readonly<Record<string, string>>,
  { stop, abandoned, output }: SupervisorSignals,
): Promise<Outcome> {
  if (stop.aborted || abandoned.signal.aborted) return stoppedBeforeRun;
  return runSubagent(place, spec, {
    runtime: runtimes[spec.runtime],
    secrets,
    stop,
    abandoned: abandoned.signal,
    ...(output && { output }),
  });
}

/** Outputs first: they are kept also where the patch cannot be made. */
async function capture(
  place: WorkerPlace,
  spec: TaskSpec,
  { outcome, signal }: { readonly outcome: Outcome; readonly signal: AbortSignal },
): Promise<Outcome & CapturedWork> {
  let kept = nothingCaptured;
  try {
    kept = await captureOutputs(place, spec);
    return { ...outcome, ...kept, patchBytes: await captureWorktree(place, spec, signal) };
  } catch (error) {
    complain('capture the work', error);
    return { ...captureFailure(outcome, error, spec.limits), ...kept };
  }
}

function watchStdin(stdin: Readable, abandoned: AbortController): void {
  const onEnd = (): void => abandoned.abort();
  stdin.on('end', onEnd).on('close', onEnd).on('error', onEnd).resume();
  if (stdin.readableEnded) onEnd();
}

/** The cause goes to the worker's log; the result file says only what is certain. */
function complain(action: string, error: unknown): void {
  process.stderr.write(`agora worker: cannot ${action}: ${error instanceof Error ? error.message : String(error)}\n`);
}

async function timed<T>(stage: () => T | Promise<T>): Promise<{ readonly value: T; readonly ms: number }> {
  const startedAt = performance.now();
  const value = await stage();
  return { value, ms: performance.now() - startedAt };
}
