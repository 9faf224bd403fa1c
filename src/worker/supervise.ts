import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { AppError, isAppError } from '../contracts/errors.ts';
import { inNames, outNames } from '../contracts/names.ts';
import type { RuntimeName } from '../contracts/subagent.ts';
import type { TaskResult, TaskSpec } from '../contracts/task.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';
import { commandRuntime } from '../runtime/command.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { type CapturedWork, captureOutputs, captureWorktree, nothingCaptured } from './capture.ts';
import { captureFailure, type Outcome, prepareFailure, runFailure, stoppedBeforeRun } from './outcome.ts';
import { prepareWork } from './prepare.ts';
import { readSecrets, readTaskSpec } from './receive.ts';
import type { OutputFiles } from './relay.ts';
import { writeResult } from './report.ts';
import { runSubagent } from './run.ts';
import { captureSignal, prepareSignal } from './stage-deadline.ts';

const runtimes: { readonly [Name in RuntimeName]?: Runtime } = { command: commandRuntime };

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
  const spec = await readTaskSpec(join(place.paths.in, inNames.task));
  const secrets = await readSecrets(signals.stdin, spec.secretBytes);
  if (place.endsWithStdin) watchStdin(signals.stdin, signals.abandoned);

  const startedAt = performance.now();
  const prepared = await timed(() => prepare(place, spec, signals));
  const ran = await timed(() => run(place, spec, { secrets, signals, prepared: prepared.value }));
  const captured = await timed(() => {
    const { outcome, hasWork } = ran.value;
    if (!hasWork) return { ...outcome, ...nothingCaptured };
    const times = { timeoutMs: spec.limits.timeoutSeconds * 1000, elapsedMs: performance.now() - startedAt };
    const signal = captureSignal({ stop: signals.stop, abandoned: signals.abandoned.signal }, times);
    return capture(place, spec, { outcome, signal });
  });
  if (signals.abandoned.signal.aborted)
    throw new AppError('interrupted', 'Cannot report: nobody waits for this worker');

  const timings = { receiveMs: 0, setupMs: 0, prepareMs: prepared.ms, runMs: ran.ms, captureMs: captured.ms };
  const result: TaskResult = { dispatchId: spec.dispatchId, ...captured.value, timings };
  return report(place, result);
}

/** Where the disk has no room for the result, it takes the place of what was kept. */
async function report({ paths }: WorkerPlace, result: TaskResult): Promise<TaskResult> {
  try {
    await writeResult(paths.out, result);
    return result;
  } catch (error) {
    if (!isAppError(error, 'disk-full')) throw error;
    const names = [outNames.patch, outNames.outputs, outNames.transcript];
    for (const name of names) await rm(join(paths.out, name), { recursive: true, force: true });
    const { exitCode, signal } = result;
    const message = 'No space was left on the disk for the result';
    const failed = { outcome: 'failed', failure: 'disk-limit', message, exitCode, signal } as const;
    const bare: TaskResult = { ...result, ...failed, ...nothingCaptured };
    await writeResult(paths.out, bare);
    return bare;
  }
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

interface RunWish {
  readonly secrets: Readonly<Record<string, string>>;
  readonly signals: SupervisorSignals;
  /** The outcome when there is nothing to run in. */
  readonly prepared: Outcome | undefined;
}

interface Ran {
  readonly outcome: Outcome;
  /** False when there is nothing to capture, or something may still write to it. */
  readonly hasWork: boolean;
}

async function run(place: WorkerPlace, spec: TaskSpec, { secrets, signals, prepared }: RunWish): Promise<Ran> {
  const { stop, abandoned, output } = signals;
  if (prepared) return { outcome: prepared, hasWork: false };
  if (stop.aborted || abandoned.signal.aborted) return { outcome: stoppedBeforeRun, hasWork: true };
  const runtime = runtimes[spec.agent.runtime];
  if (runtime === undefined) return { outcome: runFailure(undefined), hasWork: false };
  const options = { runtime, secrets, stop, abandoned: abandoned.signal, ...(output && { output }) };
  try {
    return { outcome: await runSubagent(place, spec, options), hasWork: true };
  } catch (error) {
    complain('run the command', error);
    return { outcome: runFailure(error), hasWork: false };
  }
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
