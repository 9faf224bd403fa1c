import { stat } from 'node:fs/promises';
import type { TaskHandle } from './compute.ts';
import { AdoptedWorker, type WorkerProcess } from './process-adopted.ts';
import type { TaskFolder } from './process-folder.ts';
import { readTaskRecord, type TaskRecord } from './process-record.ts';

/** A task with its supervisor, of this process or of another. */
export interface RunningTask {
  readonly handle: TaskHandle;
  readonly folder: TaskFolder;
  readonly worker: WorkerProcess;
}

/** What a task's folder, which is none of this process, tells. */
export type FoundTask =
  /** Its starter lives, or left it behind, ended or about to end. */
  | { readonly kind: 'known'; readonly handle: TaskHandle }
  /** Another process is just making or removing it. */
  | { readonly kind: 'in-between' }
  /** Left by a process that had not begun to start it. */
  | { readonly kind: 'nameless' };

/** How long a folder may be without a record: its maker writes that next. */
const unrecordedMs = 60_000;

export async function lookAtTask(folder: TaskFolder): Promise<FoundTask> {
  const record = await readTaskRecord(folder.record);
  if (record !== undefined) return { kind: 'known', handle: handleOf(record, folder) };
  return { kind: (await isNew(folder)) ? 'in-between' : 'nameless' };
}

/** The task of another process; undefined when there is none. */
export async function adoptTask(folder: TaskFolder): Promise<RunningTask | undefined> {
  const record = await readTaskRecord(folder.record);
  return record && { handle: handleOf(record, folder), folder, worker: new AdoptedWorker(record, folder) };
}

function handleOf({ dispatchId, owner, image }: TaskRecord, { root }: TaskFolder): TaskHandle {
  return { dispatchId, owner, providerId: root, image };
}

async function isNew({ root }: TaskFolder): Promise<boolean> {
  const stats = await stat(root).catch(() => undefined);
  return stats === undefined || Date.now() - stats.ctimeMs < unrecordedMs;
}
