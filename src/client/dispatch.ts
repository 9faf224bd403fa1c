import { mapAhead } from '../base/map-ahead.ts';
import type { LogChunk } from '../compute/compute.ts';
import type { DispatchEvent, DispatchRecord } from '../contracts/dispatch.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { type DispatchId, dispatchIdSchema } from '../contracts/ids.ts';
import type { Answer } from '../contracts/question.ts';
import { type AcceptedDispatch, acceptDispatch, type DispatchRequest } from '../dispatch/accept.ts';
import { answerDispatch } from '../dispatch/answer-dispatch.ts';
import { type Cancelled, cancelDispatch } from '../dispatch/cancel-dispatch.ts';
import { type DispatchLogOptions, dispatchLogs } from '../dispatch/dispatch-logs.ts';
import { executeDispatch } from '../dispatch/execute.ts';
import { findGarbage } from '../dispatch/garbage.ts';
import type { Garbage, GarbageOptions } from '../dispatch/garbage-item.ts';
import type { DispatchPlace } from '../dispatch/place.ts';
import { listRecordIds, readRecord, requireRecord } from '../dispatch/records.ts';
import { settleDispatch } from '../dispatch/settle.ts';
import { StageTimes } from '../dispatch/stage-times.ts';
import type { LogLine } from '../dispatch/transcript.ts';
import { type DispatchReport, reportOf } from './dispatch-report.ts';
import { EventStream } from './event-stream.ts';

export interface DispatchOptions {
  /** Told of the whole life of the dispatch, in order. Nothing waits for it, and its failure ends nothing. */
  readonly onEvent?: (event: DispatchEvent) => void | Promise<void>;
  /** Receives what the worker prints, as it comes; a slow one slows only the view. */
  readonly onOutput?: (chunk: LogChunk) => void | Promise<void>;
  /** Receives what is made ready before it starts, such as an image. */
  readonly onProgress?: (line: string) => void;
  /** Receives what is waited for or could not be removed. */
  readonly onProblem?: (line: string) => void;
  /** Cancels it. What it had written until then is kept. */
  readonly signal?: AbortSignal;
  /** Who asks, for the record. Default: `sdk`. */
  readonly actor?: string;
  /** Default: a random one. */
  readonly dispatchId?: string;
  /** It may run without a sandbox where there is none. Default: false. */
  readonly allowUnsandboxed?: boolean;
}

/** Records read at once, where each read may be a request. */
const readsAhead = 16;

const defaults = { actor: 'sdk', onProblem: () => undefined };

/** A dispatch that was accepted and goes on in this process. */
export interface InFlightDispatch {
  readonly dispatchId: DispatchId;
  readonly resolved: DispatchRecord['resolved'];
  /** All of them, from the first. */
  readonly events: AsyncIterable<DispatchEvent>;
  /** Resolves at its end, however it ended. Rejects when this process could not follow it to its end. */
  readonly exit: Promise<DispatchReport>;
}

/** What can be done with dispatches. Called itself it runs one to its end. */
export interface Dispatch {
  (work: DispatchRequest, options?: DispatchOptions): Promise<DispatchReport>;
  /** Resolves once it is accepted. */
  fire(work: DispatchRequest, options?: DispatchOptions): Promise<InFlightDispatch>;
  /** Fires a dispatch that goes on with the answer to a question. Raises `refused` when it does not ask, or no more. */
  answer(
    dispatchId: string,
    answer: Answer['answer'],
    options?: Omit<DispatchOptions, 'dispatchId'>,
  ): Promise<InFlightDispatch>;
  /** Its record. One whose process died is settled first, if its worker has ended. */
  describe(dispatchId: string, options?: Pick<DispatchOptions, 'onProblem'>): Promise<DispatchRecord>;
  /** Records that can be read, the newest first. */
  list(): Promise<DispatchRecord[]>;
  cancel(dispatchId: string, options?: Pick<DispatchOptions, 'actor' | 'onProblem' | 'signal'>): Promise<Cancelled>;
  logs(dispatchId: string, options?: DispatchLogOptions): AsyncIterable<LogLine>;
  /** What this deployment left and nobody works on. Nothing is changed before `clear` of each is called. */
  garbage(options: Pick<GarbageOptions, 'hasOpenRuns' | 'onProblem'>): Promise<Garbage[]>;
}

/** `onEvent` is told of every dispatch that this process executes. */
export function clientDispatch(place: DispatchPlace, onEvent: NonNullable<DispatchOptions['onEvent']>): Dispatch {
  const execute = (accepted: AcceptedDispatch, options: DispatchOptions, resolveMs: number) =>
    inFlight(place, accepted, { ...defaults, ...options, resolveMs, listeners: [onEvent, options.onEvent] });

  async function fire(work: DispatchRequest, options: DispatchOptions = {}): Promise<InFlightDispatch> {
    options.signal?.throwIfAborted();
    const times = new StageTimes();
    const accepted = await acceptDispatch(place, work, { ...defaults, ...options });
    return execute(accepted, options, times.totalMs);
  }

  async function answer(id: string, text: Answer['answer'], options: Omit<DispatchOptions, 'dispatchId'> = {}) {
    options.signal?.throwIfAborted();
    const times = new StageTimes();
    const accepted = await answerDispatch(place, idOf(id), text, { ...defaults, ...options });
    return execute(accepted, options, times.totalMs);
  }

  const run = async (work: DispatchRequest, options?: DispatchOptions) => (await fire(work, options)).exit;
  return Object.assign(run, {
    fire,
    answer,
    async describe(id: string, options: Pick<DispatchOptions, 'onProblem'> = {}) {
      return settleDispatch(place, await requireRecord(place, idOf(id)), { ...defaults, ...options });
    },
    list: () => listRecords(place),
    async cancel(id: string, options: Pick<DispatchOptions, 'actor' | 'onProblem' | 'signal'> = {}) {
      return cancelDispatch(place, idOf(id), { ...defaults, ...options });
    },
    logs: (id: string, options?: DispatchLogOptions) => dispatchLogs(place, idOf(id), options),
    garbage: (options: Pick<GarbageOptions, 'hasOpenRuns' | 'onProblem'>) =>
      findGarbage(place, { ...options, now: Date.now() }),
  });
}

interface Execution extends DispatchOptions {
  readonly resolveMs: number;
  readonly listeners: readonly DispatchOptions['onEvent'][];
  readonly onProblem: (line: string) => void;
}

function inFlight(place: DispatchPlace, accepted: AcceptedDispatch, options: Execution): InFlightDispatch {
  const { dispatchId, resolved } = accepted.record;
  const { listeners, onProblem } = options;
  const events = new EventStream<DispatchEvent>();
  const onEvent = (event: DispatchEvent) => {
    events.push(event);
    for (const listener of listeners) tell(listener, event, onProblem);
  };
  const exit = executeDispatch(place, accepted, { ...options, onEvent })
    .then(({ record, stages }) => reportOf(record, { resolve: options.resolveMs, ...stages }))
    .finally(() => events.close());
  exit.catch(() => undefined); // For whoever awaits it; nobody has to.
  return { dispatchId, resolved, events, exit };
}

/** A listener that fails, now or later, must not end the work. */
function tell(listener: DispatchOptions['onEvent'], event: DispatchEvent, onProblem: (line: string) => void): void {
  const complain = (error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    onProblem(`A listener of dispatch "${event.dispatchId}" failed at ${event.kind}: ${reason}`);
  };
  try {
    Promise.resolve(listener?.(event)).catch(complain);
  } catch (error) {
    complain(error);
  }
}

async function listRecords(place: DispatchPlace): Promise<DispatchRecord[]> {
  const records: DispatchRecord[] = [];
  const read = (id: DispatchId) => readRecord(place, id).catch(undefinedIfCorrupt);
  for await (const record of mapAhead(await listRecordIds(place), readsAhead, read)) {
    if (record !== undefined) records.push(record);
  }
  return records.sort(newestFirst);
}

function undefinedIfCorrupt(error: unknown): undefined {
  if (!isAppError(error, 'state-corrupt')) throw error;
}

function idOf(id: string): DispatchId {
  const parsed = dispatchIdSchema.safeParse(id);
  if (parsed.success) return parsed.data;
  throw new AppError('invalid-input', `Cannot use dispatch id "${id}": it ${parsed.error.issues[0]?.message}`);
}

function newestFirst(left: DispatchRecord, right: DispatchRecord): number {
  return right.acceptedAt.localeCompare(left.acceptedAt) || left.dispatchId.localeCompare(right.dispatchId);
}
