import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { Redactor } from '../base/redact.ts';
import { isLongEnough } from '../base/redact-forms.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { inNames, outNames } from '../contracts/names.ts';
import type { TaskResult } from '../contracts/task.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';
import { runBlocks } from './blocks.ts';
import { nothingKept } from './capture.ts';
import { complain, type Job } from './job.ts';
import type { OutputFiles } from './live-output.ts';
import type { Outcome } from './outcome.ts';
import { openFolders, type Prepared, prepareWork } from './prepare.ts';
import { readSecrets, readTaskSpec } from './receive.ts';
import { Recording } from './recording.ts';
import { keepRoom, writeResult } from './report.ts';
import { prepareSignal } from './stage-deadline.ts';
import { prepareFailure, stoppedBeforeRun } from './stage-failure.ts';
import { StageTimes } from './stage-times.ts';
import { TaskClock } from './task-clock.ts';

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
  const job = await begin(place, signals);
  if ('outcome' in job) return report(place, job);
  try {
    const prepared = await prepare(job);
    const rest = prepared.failure ? nothingDone(prepared.failure) : await doBlocks(job);
    if (job.abandoned.aborted) throw new AppError('interrupted', 'Cannot report: nobody waits for this worker');
    const blocks = [...prepared.blocks, ...rest.blocks];
    const { dispatchId } = job.spec;
    await closeRecording(job);
    return await report(place, { dispatchId, ...rest, blocks, timings: job.times.all });
  } finally {
    await closeRecording(job);
  }
}

type Ending = Omit<TaskResult, 'dispatchId' | 'timings'>;

/** Takes the task over; gives its result at once where there is not even room for its transcript. */
async function begin(
  place: WorkerPlace,
  { stdin, stop, abandoned, output }: SupervisorSignals,
): Promise<Job | TaskResult> {
  const spec = readTaskSpec(join(place.paths.in, inNames.task));
  const secrets = await readSecrets(stdin, spec.secretBytes);
  if (place.endsWithStdin) watchStdin(stdin, abandoned);
  // A process's clock begins with it.
  const times = new StageTimes(performance.now());
  const redactor = new Redactor(secrets);
  const path = join(place.paths.out, outNames.transcript);
  try {
    openFolders(place);
    keepRoom(place.paths.out);
    const recording = Recording.open({ path, maxBytes: spec.limits.outputBytes, redactor, output });
    const clock = new TaskClock(spec.limits.timeoutSeconds);
    return { place, spec, secrets, redactor, recording, clock, times, stop, abandoned: abandoned.signal };
  } catch (error) {
    complain(redactor, 'prepare the worktree', error);
    const ending = nothingDone(prepareFailure(error, spec.limits));
    return { dispatchId: spec.dispatchId, ...ending, timings: times.all };
  }
}

async function prepare(job: Job): Promise<Prepared> {
  const { spec, secrets, redactor, recording, stop, abandoned } = job;
  const tooShort = Object.keys(secrets).filter((name) => !isLongEnough(secrets[name] ?? ''));
  if (tooShort.length > 0) await recording.note(`too short to be blacked out: ${tooShort.join(', ')}`);
  try {
    return await prepareWork(job, prepareSignal({ stop, abandoned }));
  } catch (error) {
    if (stop.aborted || abandoned.aborted) return { blocks: [], failure: stoppedBeforeRun };
    complain(redactor, 'prepare the worktree', error);
    return { blocks: [], failure: prepareFailure(error, spec.limits) };
  }
}

async function doBlocks(job: Job): Promise<Ending> {
  const { outcome, kept, ...told } = await runBlocks(job);
  return { ...outcome, ...kept, ...told };
}

/** Closed again without harm. What could not be written of it is lost; the result still counts. */
async function closeRecording({ recording, redactor }: Job): Promise<void> {
  await recording.close().catch((error: unknown) => complain(redactor, 'close the transcript', error));
}

function nothingDone(outcome: Outcome): Ending {
  return { ...outcome, ...nothingKept, blocks: [] };
}

/** Where the disk has no room for the result, it takes the place of what was kept. */
async function report({ paths }: WorkerPlace, result: TaskResult): Promise<TaskResult> {
  try {
    writeResult(paths.out, result);
    return result;
  } catch (error) {
    if (!isAppError(error, 'disk-full')) throw error;
    const names = [outNames.patch, outNames.outputs, outNames.transcript, outNames.question, outNames.session];
    for (const name of names) await rm(join(paths.out, name), { recursive: true, force: true });
    const { exitCode, signal, dispatchId, blocks, timings } = result;
    const message = 'No space was left on the disk for the result';
    const failed = { outcome: 'failed', failure: 'disk-limit', message, exitCode, signal } as const;
    const bare: TaskResult = { dispatchId, ...failed, ...nothingKept, blocks, timings };
    writeResult(paths.out, bare);
    return bare;
  }
}

function watchStdin(stdin: Readable, abandoned: AbortController): void {
  const onEnd = (): void => abandoned.abort();
  stdin.on('end', onEnd).on('close', onEnd).on('error', onEnd).resume();
  if (stdin.readableEnded) onEnd();
}
