import { withDeadline } from '../base/deadline.ts';
import type { DispatchRecord } from '../contracts/dispatch.ts';
import type { DispatchId } from '../contracts/ids.ts';
import { patiently } from './patience.ts';
import type { DispatchPlace } from './place.ts';
import { readRecord, removeCancel } from './records.ts';
import { unstageDispatch } from './staged-secrets.ts';

/** How long an engine that does not answer is asked to remove a worker. */
const removeMs = 10_000;

export interface CleanUpOptions {
  /** Removes the worker. */
  readonly release: () => Promise<void>;
  /** Receives what could not be removed, in words. */
  readonly onProblem: (line: string) => void;
}

/** Removes what a recorded end leaves behind: the worker, the mark of a cancel, secrets staged for it. */
export async function cleanUp(place: DispatchPlace, record: DispatchRecord, options: CleanUpOptions): Promise<void> {
  const { dispatchId } = record;
  const { release, onProblem } = options;
  const attempt = async (what: string, action: () => Promise<void>): Promise<void> => {
    try {
      await action();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      onProblem(`Cannot remove ${what} of dispatch "${dispatchId}": ${reason}\n  next: agora gc`);
    }
  };
  await Promise.all([
    attempt('the worker', () => patiently(release, { signal: withDeadline(removeMs), maxDelayMs: 1_000 })),
    attempt('the cancel mark', () => removeCancel(place, dispatchId)),
    // One that waits needs its secrets again when it is answered.
    record.status === 'waiting' ? undefined : attempt('staged secrets', () => unstage(place, record)),
  ]);
}

async function unstage(place: DispatchPlace, record: DispatchRecord): Promise<void> {
  const refs = Object.values(record.work.secrets);
  if (refs.length === 0) return;
  for (const dispatchId of await chainOf(place, record)) {
    await unstageDispatch(place.secretStore, { dispatchId, refs });
  }
}

/** A dispatch and those it went on with, the newest first. */
async function chainOf(place: DispatchPlace, record: DispatchRecord): Promise<DispatchId[]> {
  const ids = new Set([record.dispatchId]);
  let before = record.resumes;
  while (before !== undefined && !ids.has(before)) {
    ids.add(before);
    before = (await readRecord(place, before))?.resumes;
  }
  return [...ids];
}
