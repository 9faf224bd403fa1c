import { sleep } from '../base/deadline.ts';
import type { Compute, LogOptions, TaskHandle } from '../compute/compute.ts';
import type { DispatchRecord } from '../contracts/dispatch.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { type DispatchId, digestOfRef } from '../contracts/ids.ts';
import { isEnded } from './ending.ts';
import type { DispatchPlace } from './place.ts';
import { requireRecord } from './records.ts';
import { findWorker } from './settle.ts';
import { LineAssembler, type LogLine, transcriptLines } from './transcript.ts';

export type DispatchLogOptions = Omit<LogOptions, 'timestamps'>;

/** How often a dispatch that has not started yet, or is just being recorded, is looked at again. */
const lookMs = 100;

/**
 * What the worker of a dispatch printed: live while it is there, from its transcript after its end. With `follow` until
 * its end. Lines come as they are read, with the time they were written where it is known.
 */
export async function* dispatchLogs(
  place: DispatchPlace,
  dispatchId: DispatchId,
  options: DispatchLogOptions = {},
): AsyncGenerator<LogLine> {
  const { signal, follow = false } = options;
  for (;;) {
    const record = await requireRecord(place, dispatchId);
    if (isEnded(record)) return yield* storedLines(place, record, options);
    const worker = await workerOf(place, record);
    if (worker !== undefined) {
      const hasShown = yield* liveLines(worker, options);
      // Nothing comes of one that has not started yet, or was just removed: the transcript will be there.
      if (hasShown || !follow) return;
    } else if (!follow) return;
    await sleep(lookMs, signal);
  }
}

async function* storedLines(
  { storage }: DispatchPlace,
  { result }: DispatchRecord,
  { since, tail }: DispatchLogOptions,
): AsyncGenerator<LogLine> {
  const log = result?.artifacts.find((artifact) => artifact.port === 'log');
  if (log !== undefined) yield* transcriptLines(storage, digestOfRef(log.ref), { since, tail });
}

interface Worker {
  readonly compute: Compute;
  readonly handle: TaskHandle;
}

async function workerOf(place: DispatchPlace, record: DispatchRecord): Promise<Worker | undefined> {
  const compute = place.computeOf(record.work.target);
  const handle = await findWorker(compute, record);
  return handle && { compute, handle };
}

/** Returns whether there was something to read. */
async function* liveLines({ compute, handle }: Worker, options: DispatchLogOptions): AsyncGenerator<LogLine, boolean> {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  const assembler = new LineAssembler();
  let hasShown = false;
  try {
    for await (const { stream, bytes, at } of compute.logs(handle, { ...options, timestamps: true })) {
      for (const line of assembler.add(stream, decoders[stream].decode(bytes, { stream: true }), at)) {
        hasShown = true;
        yield line;
      }
    }
  } catch (error) {
    if (!isAppError(error, 'not-found')) throw error;
    if (!hasShown) return false;
    throw new AppError(
      'not-found',
      `Cannot follow "${handle.dispatchId}" to its end: its worker was removed meanwhile`,
      {
        next: `All that it printed: agora dispatch logs ${handle.dispatchId}`,
      },
    );
  }
  for (const line of assembler.rest()) {
    hasShown = true;
    yield line;
  }
  return hasShown;
}
