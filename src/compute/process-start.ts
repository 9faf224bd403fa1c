import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSameProcess, processIdentity } from '../base/process-identity.ts';
import { AppError } from '../contracts/errors.ts';
import type { Task } from '../contracts/task.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';
import { type HostRoot, sandboxUserId } from './bubblewrap.ts';
import type { TaskFolder } from './process-folder.ts';
import { endLeftovers, removeTree } from './process-leftovers.ts';
import { openPlace, type PlaceOptions, sandboxedPlace } from './process-place.ts';
import { readTaskRecord, type TaskRecord, writeTaskRecord } from './process-record.ts';
import { openStaging, type Staging, stageNode, stageWorker, takenUserIds } from './process-staging.ts';
import { claiming, isRoot, taskUserIds, userIdFor } from './process-user.ts';
import { ProcessWorker } from './process-worker.ts';
import { makeFolder, writeTaskFiles } from './task-files.ts';
import { secretBytes } from './task-inputs.ts';

export interface StartOptions {
  readonly folder: TaskFolder;
  readonly staging: Staging;
  readonly bundle: { readonly bytes: Uint8Array; readonly digest: string };
  readonly node: string;
  /** Absent: the subagent runs on the host as it is. */
  readonly sandbox: { readonly bubblewrap: string; readonly host: HostRoot } | undefined;
  /** Gives the start up; nothing of it is left then. */
  readonly signal: AbortSignal;
}

interface User {
  readonly uid: number;
  readonly gid: number;
}

/** Lays out a task's folder and starts its supervisor; leaves nothing when that fails. */
export async function startProcessTask(task: Task, options: StartOptions): Promise<ProcessWorker> {
  const secrets = secretBytes(task);
  const { folder, staging, signal } = options;
  await openStaging(staging);
  await clearEarlier(task.spec.dispatchId, folder);
  let worker: ProcessWorker | undefined;
  try {
    const user = isRoot() ? await claimUser(task, options) : await layOut(folder);
    const record = recordOf(task, options, user);
    await writeTaskRecord(folder.record, record);
    // Only now: while a task has a folder, no other process takes the programs away.
    const [program, node] = await Promise.all([stageWorker(staging, options.bundle), stageNode(staging, options.node)]);
    signal.throwIfAborted();
    await writeTaskFiles(task, folder.in, signal);
    await writePlace({ folder, node, network: task.spec.network, ...(user && { user }) }, options);
    signal.throwIfAborted();
    worker = await ProcessWorker.start({ node: options.node, worker: program, folder, secrets });
    await writeTaskRecord(folder.record, { ...record, supervisor: worker.identity });
    signal.throwIfAborted();
    return worker;
  } catch (error) {
    await worker?.stop(0);
    await removeTree(folder.root);
    throw error;
  }
}

/** What is there of a task whose starter is gone was left by it; one that is alive keeps what is its own. */
async function clearEarlier(dispatchId: string, folder: TaskFolder): Promise<void> {
  if (!existsSync(folder.root)) return;
  const record = await readTaskRecord(folder.record);
  if (record !== undefined && record.starter.pid !== process.pid && isSameProcess(record.starter)) {
    const state = `process ${record.starter.pid} has started it`;
    throw new AppError('task-conflict', `Cannot start task "${dispatchId}": ${state}`);
  }
  await endLeftovers(dispatchId, record);
  await removeTree(folder.root);
}

function recordOf({ spec, owner }: Task, { bundle }: StartOptions, user: User | undefined): TaskRecord {
  const starter = processIdentity(process.pid);
  if (starter === undefined)
    throw new AppError('no-compute', 'Cannot start a worker process: this system does not show it in /proc');
  const { dispatchId } = spec;
  return { starter, dispatchId, owner, image: bundle.digest, ...(user && { uid: user.uid }) };
}

/** A user that no other task has: tasks can neither see nor signal each other, and process limits count apart. */
async function claimUser({ spec }: Task, { folder, staging }: StartOptions): Promise<User> {
  // The task's folder carries the id from then on; between choosing and that nobody else may choose.
  return claiming(async () => {
    const id = userIdFor(spec.dispatchId, await taskUserIds(), await takenUserIds(staging));
    const user = { uid: id, gid: id };
    await layOut(folder, user);
    return user;
  });
}

async function layOut(folder: TaskFolder, user?: User): Promise<undefined> {
  // The subagent's group is who may enter, besides us.
  await makeFolder(folder.root, user ? 0o710 : 0o700);
  if (user) await chown(folder.root, 0, user.gid);
  await mkdir(folder.logs, { mode: 0o700 });
  await makeFolder(folder.scratch, 0o755);
  for (const name of ['tmp', 'shm']) {
    const path = join(folder.scratch, name);
    await makeFolder(path, 0o700);
    if (user) await chown(path, user.uid, user.gid);
  }
  return undefined;
}

async function writePlace(place: PlaceOptions, { sandbox }: StartOptions): Promise<void> {
  const { folder } = place;
  const names = [
    { file: folder.users, text: `agora:x:${sandboxUserId}:${sandboxUserId}::/tmp:/bin/sh\n` },
    { file: folder.groups, text: `agora:x:${sandboxUserId}:\n` },
  ];
  for (const { file, text } of names) {
    await writeFile(file, text);
    await chmod(file, 0o644);
  }
  const content: WorkerPlace = sandbox ? sandboxedPlace(place, sandbox.bubblewrap, sandbox.host) : openPlace(place);
  await writeFile(folder.place, JSON.stringify(content), { mode: 0o600 });
}
