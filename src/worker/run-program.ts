import { setTimeout as pause } from 'node:timers/promises';
import type { TaskSpec } from '../contracts/task.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';
import { eventsSince, readCgroupEvents } from './cgroup-events.ts';
import { diskUsage, watchDisk, watchFreeSpace } from './disk-usage.ts';
import { Ending } from './ending.ts';
import { complain, type Job } from './job.ts';
import { launchSubagent } from './launch.ts';
import type { EndingReason, RunEvidence } from './outcome.ts';
import type { LineReader } from './output-follower.ts';
import { reserveThreads } from './reserve-threads.ts';
import type { Subagent } from './subagent.ts';

/** What a program gets between being asked to end and being killed; less than a provider gives the supervisor. */
const graceMs: Readonly<Record<EndingReason, number>> = {
  stopped: 2_000,
  timeout: 5_000,
  'own-timeout': 2_000,
  abandoned: 0,
  hopeless: 2_000,
  'output-limit': 0,
  'disk-limit': 0,
  'disk-reserve': 0,
};
/** How long its last output may take once it has ended: a stuck reader must not hold up the result. */
const drainMs = 5_000;
const longestTimerMs = 2 ** 31 - 1;
const bytesPerMb = 1024 * 1024;

export interface ProgramWish {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: string | undefined;
  /** Reads what it prints on stdout. */
  readonly reader?: LineReader | undefined;
  /** How long it may take by itself. Default: as long as the task has left. */
  readonly ownMs?: number;
}

export type ProgramEnd =
  | { readonly kind: 'ended'; readonly evidence: RunEvidence }
  /** Nothing ran. */
  | { readonly kind: 'not-launched'; readonly error: Error };

/** Runs a program as the subagent's user, under the task's limits, to its end, and leaves no process of it. */
export async function runProgram(job: Job, wish: ProgramWish): Promise<ProgramEnd> {
  const { place, spec, recording } = job;
  const before = readCgroupEvents();
  const ending = new Ending();
  reserveThreads();
  const subagent = launchOrError(() => launchSubagent(place, programOf(spec, wish)));
  if (subagent instanceof Error) return { kind: 'not-launched', error: subagent };
  const onTooMuch = () => ending.because('output-limit');
  const reader = wish.reader && heeding(wish.reader, () => ending.because('hopeless'));
  const recorded = recording.follow(subagent, { reader, onTooMuch }).catch(() => {
    // What was printed is lost from here on, as when the disk is full; the run's end says how it went.
    subagent.stdout.resume();
    subagent.stderr.resume();
  });
  const over = new AbortController();
  ending.onBegun((reason) => endProgram(subagent, graceMs[reason], over.signal));
  const watched = watchLimits(job, { ending, over: over.signal, ownMs: wish.ownMs }).catch((error: unknown) => {
    // Nothing may run unmeasured.
    ending.because('disk-limit');
    complain(job.redactor, 'measure the disk', error);
  });

  const exit = await subagent.exited;
  ending.close();
  over.abort();
  await watched;
  await subagent.killAll();
  await drained(subagent, recorded);

  const diskBytes = await diskUsage(measuredFolders(place), limitBytesOf(spec));
  return { kind: 'ended', evidence: { exit, ending: ending.reason, diskBytes, ...eventsSince(place, before) } };
}

// Node throws some failures of a launch, such as arguments that are too long, and tells others as events.
function launchOrError(launch: () => Subagent): Subagent | Error {
  try {
    return launch();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** The reader, and `onHopeless` as soon as it sees no use in going on. */
function heeding(reader: LineReader, onHopeless: () => void): LineReader {
  return {
    onLine(line) {
      const shown = reader.onLine(line);
      if (reader.isHopeless === true) onHopeless();
      return shown;
    },
  };
}

function programOf(spec: TaskSpec, { command, env, stdin }: ProgramWish) {
  return { command, env, stdin, fileBytes: limitBytesOf(spec), processes: spec.limits.pids };
}

interface WatchOptions {
  readonly ending: Ending;
  /** Aborted when the program has ended. */
  readonly over: AbortSignal;
  readonly ownMs: number | undefined;
}

/** Begins the ending when a limit is passed or when it is asked for, until the program is over. */
async function watchLimits(job: Job, { ending, over, ownMs }: WatchOptions): Promise<void> {
  const { place, spec, clock, stop, abandoned } = job;
  const once = { once: true, signal: over };
  stop.addEventListener('abort', () => ending.because('stopped'), once);
  abandoned.addEventListener('abort', () => ending.because('abandoned'), once);
  if (stop.aborted) ending.because('stopped');
  const { remainingMs } = clock;
  if (ownMs !== undefined && ownMs < remainingMs) startTimer(ownMs, over, () => ending.because('own-timeout'));
  else startTimer(remainingMs, over, () => ending.because('timeout'));

  const folders = measuredFolders(place);
  const growing = watchDisk({ folders, limitBytes: limitBytesOf(spec), signal: over });
  const filling = watchFreeSpace(place.paths.workspace, over);
  await Promise.all([
    growing.then((isFull) => isFull && ending.because('disk-limit')),
    filling.then((isFull) => isFull && ending.because('disk-reserve')),
  ]);
}

function endProgram(subagent: Subagent, waitMs: number, over: AbortSignal): void {
  if (waitMs > 0) subagent.terminate();
  // A failed kill shows when the run's own end repeats it.
  startTimer(waitMs, over, () => void subagent.killAll().catch(() => {}));
}

function startTimer(ms: number, over: AbortSignal, onEnd: () => void): void {
  if (over.aborted) return;
  const timer = setTimeout(
    () => (ms > longestTimerMs ? startTimer(ms - longestTimerMs, over, onEnd) : onEnd()),
    Math.min(ms, longestTimerMs),
  );
  over.addEventListener('abort', () => clearTimeout(timer), { once: true });
}

async function drained(subagent: Subagent, recorded: Promise<void>): Promise<void> {
  const patience = new AbortController();
  const tooLong = pause(drainMs, undefined, { signal: patience.signal }).catch(() => {});
  await Promise.race([recorded, tooLong]);
  patience.abort();
  subagent.stdout.destroy();
  subagent.stderr.destroy();
}

function measuredFolders({ paths }: WorkerPlace): string[] {
  return [paths.workspace, paths.outputs, ...(paths.scratch === undefined ? [] : [paths.scratch])];
}

function limitBytesOf(spec: TaskSpec): number {
  return spec.limits.diskMb * bytesPerMb;
}
