import type { LogChunk, TaskHandle } from '../compute/compute.ts';
import type { DispatchCancel, DispatchEvent, DispatchRecord } from '../contracts/dispatch.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { FailureCode } from '../contracts/run.ts';
import type { Task } from '../contracts/task.ts';
import type { AcceptedDispatch } from './accept.ts';
import { awaitedStorage } from './awaited-storage.ts';
import { buildTask } from './build-task.ts';
import { CancelWatch } from './cancel-watch.ts';
import { cleanUp } from './clean-up.ts';
import { type EndedDispatch, runDispatch } from './dispatch.ts';
import { endingOf } from './ending.ts';
import { acceptedEvent, endedEvent, startedEvent } from './events.ts';
import { OutputFollower } from './output-follower.ts';
import { patiently } from './patience.ts';
import type { DispatchPlace } from './place.ts';
import { RecordKeeper } from './record-keeper.ts';
import { type DispatchResult, unstartedResult } from './result.ts';
import { StageTimes } from './stage-times.ts';

export interface ExecuteOptions {
  readonly onEvent: (event: DispatchEvent) => void;
  /** Receives what the worker prints, as it comes. Default: nobody. */
  readonly onOutput?: ((chunk: LogChunk) => void | Promise<void>) | undefined;
  /** Receives what is waited for, in words. */
  readonly onProblem: (line: string) => void;
  /** Cancels it. */
  readonly signal?: AbortSignal | undefined;
  readonly allowUnsandboxed?: boolean | undefined;
}

export interface ExecutedDispatch {
  readonly record: DispatchRecord;
  /** What each stage took, in milliseconds, in their order. */
  readonly stages: Readonly<Record<string, number>>;
}

const never = new AbortController().signal;

/** Runs an accepted dispatch to its end. Every expected failure is in the record; the worker is gone when it resolves. */
export async function executeDispatch(
  from: DispatchPlace,
  accepted: AcceptedDispatch,
  options: ExecuteOptions,
): Promise<ExecutedDispatch> {
  // It was accepted there, so what keeps it out now may pass.
  const place = { ...from, storage: awaitedStorage(from.storage) };
  const { onEvent, onProblem } = options;
  const keeper = new RecordKeeper(place, accepted.record, { onProblem });
  const { dispatchId } = keeper.record;
  onEvent(acceptedEvent(keeper.record));

  const cancels = new CancelWatch(place, dispatchId);
  const watching = cancels.watch();
  const output = new OutputFollower(accepted.compute, options.onOutput);
  let started = Promise.resolve();
  const onStarted = (handle: TaskHandle) => {
    started = recordStart(keeper, handle).then((record) => {
      onEvent(startedEvent(record));
      output.follow(handle);
    });
  };
  const stop = options.signal === undefined ? cancels.asked : AbortSignal.any([options.signal, cancels.asked]);
  try {
    const ended = await run(place, accepted, { ...options, stop, onStarted });
    const times = new StageTimes();
    await started;
    await output.drained();
    const cancel = (await cancels.look()) ?? ownCancel(keeper.record, options.signal);
    const ending = { namespace: place.namespace, result: ended.result, cancel, endedAt: new Date().toISOString() };
    await keeper.change(endingOf(keeper.record, ending));
    times.end('record');
    onEvent(endedEvent(keeper.record));
    await cleanUp(place, keeper.record, { release: ended.release, onProblem });
    times.end('remove');
    return { record: keeper.record, stages: { ...ended.stages, ...times.stages } };
  } finally {
    cancels.close();
    await watching;
  }
}

/** Resolves once a reader of the record finds it running: only then is anybody told. */
async function recordStart(keeper: RecordKeeper, { providerId, image }: TaskHandle): Promise<DispatchRecord> {
  const written = keeper.change({ status: 'running', startedAt: new Date().toISOString(), providerId, image });
  const { record } = keeper;
  // One that cannot be written is told by the end, which is written after it.
  await written.catch(() => undefined);
  return record;
}

interface RunOptions extends ExecuteOptions {
  readonly stop: AbortSignal;
  readonly onStarted: (handle: TaskHandle) => void;
}

async function run(place: DispatchPlace, accepted: AcceptedDispatch, options: RunOptions): Promise<EndedDispatch> {
  const { stop, onStarted, onProblem } = options;
  const times = new StageTimes();
  try {
    const task = await patiently(() => taskOf(place, accepted, options), { signal: stop, onProblem });
    times.end('build');
    const ports = { compute: accepted.compute, storage: place.storage, onProblem, onStarted };
    const ended = await runDispatch(ports, { task, isResumed: false }, { stop, detach: never, expired: never });
    if (ended === undefined) throw new AppError('internal', 'Cannot follow the dispatch: it was left');
    return { ...ended, stages: { ...times.stages, ...ended.stages } };
  } catch (error) {
    const result = stop.aborted ? unstartedResult(times.totalMs, false) : refusal(error, times.totalMs);
    return { result, release: () => removeUnstarted(place, accepted), stages: times.stages };
  }
}

async function taskOf(place: DispatchPlace, accepted: AcceptedDispatch, options: ExecuteOptions): Promise<Task> {
  const { resolved, record, agent, worktree, continues } = accepted;
  const { work } = resolved;
  return buildTask(place, resolved, {
    dispatchId: record.dispatchId,
    owner: { deploymentId: record.deploymentId },
    agent,
    input: work.input,
    worktree,
    needs: Object.entries(work.inputs).map(([key, ref]) => ({ key, ref })),
    partialPatch: continues?.partialPatch,
    answer: continues?.answer,
    session: continues?.session,
    allowUnsandboxed: options.allowUnsandboxed,
  });
}

/** A start that failed may have left something nevertheless. */
async function removeUnstarted(place: DispatchPlace, { record, compute }: AcceptedDispatch): Promise<void> {
  const handles = await compute.list(await place.deploymentId());
  const own = handles.filter((handle) => handle.dispatchId === record.dispatchId);
  for (const handle of own) {
    await compute.stop(handle, 0);
    await compute.remove(handle);
  }
}

/** A dispatch that could not be started failed for a reason; a defect of ours is told as such, and still ends it. */
function refusal(error: unknown, durationMs: number): DispatchResult {
  const text = error instanceof Error ? error.message : String(error);
  const next = isAppError(error) && error.next !== undefined ? `; next: ${error.next}` : '';
  return { outcome: 'failed', code: refusalCode(error), message: `${text}${next}`.slice(0, 1024), durationMs };
}

function refusalCode(error: unknown): FailureCode {
  if (isAppError(error, 'secret-missing')) return 'secret-missing';
  return isAppError(error, 'image-missing') ? 'image-missing' : 'refused';
}

function ownCancel({ actor }: DispatchRecord, signal: AbortSignal | undefined): DispatchCancel | undefined {
  return signal?.aborted === true ? { actor, at: new Date().toISOString() } : undefined;
}
