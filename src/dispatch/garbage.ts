import { mapAhead } from '../base/map-ahead.ts';
import type { Compute, TaskHandle } from '../compute/compute.ts';
import type { DispatchRecord } from '../contracts/dispatch.ts';
import { isAppError } from '../contracts/errors.ts';
import type { DispatchId } from '../contracts/ids.ts';
import { isEnded } from './ending.ts';
import { type Garbage, type GarbageOptions, removing } from './garbage-item.ts';
import { secretGarbage } from './garbage-secrets.ts';
import { ownerState } from './owner.ts';
import type { DispatchPlace } from './place.ts';
import { listCancelIds, listRecordIds, readRecord, removeCancel, removeRecord } from './records.ts';
import { settleDispatch } from './settle.ts';
import { providersOf } from './targets.ts';

/** How long the process that executes a dispatch may take to remove what is left after its end was recorded. */
const ownerMs = 60_000;

/** Records read at once, where each read may be a request. */
const readsAhead = 16;

interface Records extends ReadonlyMap<DispatchId, DispatchRecord> {
  /** Of another version, perhaps: nothing of theirs is touched. */
  readonly unreadable: ReadonlySet<DispatchId>;
}

/** Finds what this deployment left and nobody works on; what belongs to runs is only told, it is their daemon's. Changes nothing itself. */
export async function findGarbage(place: DispatchPlace, options: GarbageOptions): Promise<Garbage[]> {
  // Before the records: each is written before its worker is made, so what has none here was forgotten.
  const found = await listWorkers(place);
  const records = await readRecords(place, options.onProblem);
  const abandoned = [...records.values()].filter(isAbandoned).map((record) => settling(place, record, options));
  const workers = found.filter(({ handle }) => isForgotten(handle, records, options.now));
  const expired = [...records.values()].filter((record) => isExpired(record, options.now));
  return [
    ...abandoned,
    ...found.flatMap(({ handle }) => daemonless(records.get(handle.dispatchId))),
    ...workers.map(({ compute, handle }) =>
      removing(`worker ${handle.dispatchId}`, () => removeWorker(compute, handle)),
    ),
    ...expired.map(({ dispatchId }) => removing(`record ${dispatchId}`, () => removeRecord(place, dispatchId))),
    ...(await cancelGarbage(place, records)),
    ...(await secretGarbage(place, records, options)),
  ];
}

function isAbandoned(record: DispatchRecord): boolean {
  return record.run === undefined && !isEnded(record) && ownerState(record.owner) === 'gone';
}

/** A worker that still runs goes on: it is collected once it has ended. */
function settling(place: DispatchPlace, record: DispatchRecord, { onProblem }: GarbageOptions): Garbage {
  const clear = async () => {
    const settled = await settleDispatch(place, record, { onProblem });
    return isEnded(settled) ? `collected and recorded as ${settled.status}` : 'still runs and is left alone';
  };
  return { what: `dispatch ${record.dispatchId}, whose process is gone`, clear };
}

/** The worker of a run that no daemon follows: the next one goes on with it, or ends it. */
function daemonless(record: DispatchRecord | undefined): Garbage[] {
  if (record?.run === undefined || ownerState(record.owner) !== 'gone') return [];
  const { runId, itemId } = record.run;
  const what = `worker ${record.dispatchId} of ${runId}/${itemId}, whose daemon is gone`;
  return [{ what, clear: async () => 'left to the next `agora orch serve`' }];
}

function isExpired(record: DispatchRecord, now: number): boolean {
  return isEnded(record) && Date.parse(record.expiresAt) <= now;
}

interface FoundWorker {
  readonly compute: Compute;
  readonly handle: TaskHandle;
}

async function listWorkers(place: DispatchPlace): Promise<FoundWorker[]> {
  const deploymentId = await place.deploymentId();
  const found: FoundWorker[] = [];
  for (const compute of providersOf(place)) {
    for (const handle of await compute.list(deploymentId)) found.push({ compute, handle });
  }
  return found;
}

/** Its end is recorded, or nothing is known of it any more. */
function isForgotten({ owner, dispatchId }: TaskHandle, records: Records, now: number): boolean {
  if (owner.runId !== undefined || records.unreadable.has(dispatchId)) return false;
  const record = records.get(dispatchId);
  return record === undefined || isOver(record, now);
}

async function removeWorker(compute: Compute, handle: TaskHandle): Promise<void> {
  await compute.stop(handle, 0);
  await compute.remove(handle);
}

function isOver(record: DispatchRecord, now: number): boolean {
  if (!isEnded(record)) return false;
  return ownerState(record.owner) === 'gone' || now - Date.parse(record.endedAt ?? record.acceptedAt) > ownerMs;
}

async function cancelGarbage(place: DispatchPlace, records: Records): Promise<Garbage[]> {
  const marked = await listCancelIds(place);
  return marked.flatMap((dispatchId) => {
    const record = records.get(dispatchId);
    const isWanted = record === undefined ? records.unreadable.has(dispatchId) : !isEnded(record);
    if (isWanted) return [];
    return [removing(`cancel mark ${dispatchId}`, () => removeCancel(place, dispatchId))];
  });
}

async function readRecords(place: DispatchPlace, onProblem: (line: string) => void): Promise<Records> {
  const records = new Map<DispatchId, DispatchRecord>();
  const unreadable = new Set<DispatchId>();
  const read = async (dispatchId: DispatchId) => {
    try {
      return { dispatchId, record: await readRecord(place, dispatchId) };
    } catch (error) {
      if (isAppError(error, 'state-corrupt')) return { dispatchId, problem: error.message };
      throw error;
    }
  };
  for await (const { dispatchId, record, problem } of mapAhead(await listRecordIds(place), readsAhead, read)) {
    if (record !== undefined) records.set(dispatchId, record);
    if (problem === undefined) continue;
    unreadable.add(dispatchId);
    onProblem(problem);
  }
  return Object.assign(records, { unreadable });
}
