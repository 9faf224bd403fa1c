import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { outNames } from '../contracts/names.ts';
import type { TaskSpec } from '../contracts/task.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { type CgroupEvents, readCgroupEvents } from './cgroup-events.ts';
import { diskUsage, watchDisk, watchFreeSpace } from './disk-usage.ts';
import { Ending } from './ending.ts';
import { launchSubagent } from './launch.ts';
import { type EndingReason, launchFailure, type Outcome, outcomeOf } from './outcome.ts';
import { type OutputFiles, relayOutput, Transcript } from './relay.ts';
import type { Subagent, SubagentProgram } from './subagent.ts';
import { subagentEnvironment } from './subagent-environment.ts';

/** What the subagent gets between being asked to end and being killed; less than a provider gives the supervisor. */
const graceMs: Readonly<Record<EndingReason, number>> = {
  stopped: 2_000,
  timeout: 5_000,
  abandoned: 0,
  'output-limit': 0,
  'disk-limit': 0,
  'disk-reserve': 0,
};
/** How long its last output may take once it has ended: a stuck reader must not hold up the result. */
const drainMs = 5_000;
const longestTimerMs = 2 ** 31 - 1;
const bytesPerMb = 1024 * 1024;

export interface RunOptions {
  readonly runtime: Runtime;
  readonly secrets: Readonly<Record<string, string>>;
  readonly stop: AbortSignal;
  readonly abandoned: AbortSignal;
  readonly output?: OutputFiles;
}

/** Runs the subagent under its limits to its end, leaves no process of it, and says how it went. */
export async function runSubagent(place: WorkerPlace, spec: TaskSpec, options: RunOptions): Promise<Outcome> {
  const before = readCgroupEvents();
  const ending = new Ending();
  // Opened before anything runs: where that fails there is nothing to end.
  const transcript = await Transcript.open(join(place.paths.out, outNames.transcript), spec.limits.outputBytes);
  const subagent = launchOrError(() => launchSubagent(place, programOf(place, spec, options)));
  if (subagent instanceof Error) {
    await transcript.close();
    return launchFailure(subagent);
  }
  const relayed = relayOutput(subagent, {
    transcript,
    maxBytes: spec.limits.outputBytes,
    ...(options.output && { output: options.output }),
    onTooMuch: () => ending.because('output-limit'),
  }).catch(() => {
    // What was printed is lost from here on, as when the disk is full; the run's end says how it went.
    subagent.stdout.resume();
    subagent.stderr.resume();
  });
  const over = new AbortController();
  ending.onBegun((reason) => endSubagent(subagent, graceMs[reason], over.signal));
  const watched = watchLimits(place, spec, { ...options, ending, over: over.signal }).catch((error: unknown) => {
    // Nothing may run unmeasured.
    ending.because('disk-limit');
    process.stderr.write(`agora worker: cannot measure the disk: ${error instanceof Error ? error.message : error}\n`);
  });

  const exit = await subagent.exited;
  ending.close();
  over.abort();
  await watched;
  await subagent.killAll();
  await drained(subagent, relayed);

  const diskBytes = await diskUsage(measuredFolders(place), limitBytesOf(spec));
  return outcomeOf({ exit, ending: ending.reason, diskBytes, ...eventsSince(place, before) }, spec.limits);
}

// Node throws some failures of a launch, such as arguments that are too long, and tells others as events.
function launchOrError(launch: () => Subagent): Subagent | Error {
  try {
    return launch();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function programOf(place: WorkerPlace, spec: TaskSpec, { runtime, secrets }: RunOptions): SubagentProgram {
  const command = runtime.command(spec.agent, spec.env);
  return {
    command: [command.file, ...command.arguments],
    env: subagentEnvironment(place, spec, { ...command.env, ...secrets }),
    fileBytes: limitBytesOf(spec),
    processes: spec.limits.pids,
  };
}

interface WatchOptions extends RunOptions {
  readonly ending: Ending;
  /** Aborted when the command has ended. */
  readonly over: AbortSignal;
}

/** Begins the ending when a limit is passed or when it is asked for, until the command is over. */
async function watchLimits(place: WorkerPlace, spec: TaskSpec, options: WatchOptions): Promise<void> {
  const { ending, over } = options;
  const once = { once: true, signal: over };
  options.stop.addEventListener('abort', () => ending.because('stopped'), once);
  options.abandoned.addEventListener('abort', () => ending.because('abandoned'), once);
  if (options.stop.aborted) ending.because('stopped');
  startTimer(spec.limits.timeoutSeconds * 1000, over, () => ending.because('timeout'));

  const folders = measuredFolders(place);
  const growing = watchDisk({ folders, limitBytes: limitBytesOf(spec), signal: over });
  const filling = watchFreeSpace(place.paths.workspace, over);
  await Promise.all([
    growing.then((isFull) => isFull && ending.because('disk-limit')),
    filling.then((isFull) => isFull && ending.because('disk-reserve')),
  ]);
}

function endSubagent(subagent: Subagent, waitMs: number, over: AbortSignal): void {
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

async function drained(subagent: Subagent, relayed: Promise<void>): Promise<void> {
  const patience = new AbortController();
  const tooLong = pause(drainMs, undefined, { signal: patience.signal }).catch(() => {});
  await Promise.race([relayed, tooLong]);
  patience.abort();
  subagent.stdout.destroy();
  subagent.stderr.destroy();
}

function eventsSince(place: WorkerPlace, before: CgroupEvents): CgroupEvents {
  // Elsewhere the counters are those of the whole machine.
  if (!place.isContainer) return { memoryKills: 0, refusedForks: 0 };
  const after = readCgroupEvents();
  return {
    memoryKills: after.memoryKills - before.memoryKills,
    refusedForks: after.refusedForks - before.refusedForks,
  };
}

function measuredFolders({ paths }: WorkerPlace): string[] {
  return [paths.workspace, paths.outputs, ...(paths.scratch === undefined ? [] : [paths.scratch])];
}

function limitBytesOf(spec: TaskSpec): number {
  return spec.limits.diskMb * bytesPerMb;
}
