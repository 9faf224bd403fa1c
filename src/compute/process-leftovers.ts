import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { sleep } from '../base/deadline.ts';
import { groupMembers, runningProcesses } from '../base/process-identity.ts';
import { processesWith, signalProcess } from '../base/process-sweep.ts';
import { AppError } from '../contracts/errors.ts';
import { workerEnvironmentNames } from '../contracts/names.ts';
import type { TaskRecord } from './process-record.ts';

const patienceMs = 10_000;
const pauseMs = 10;

/** Kills what is left of a task: its supervisor with what that started, processes of its own user, and those that carry its id. */
export async function endLeftovers(dispatchId: string, record: TaskRecord | undefined): Promise<void> {
  const endsAt = performance.now() + patienceMs;
  for (;;) {
    const found = leftovers(dispatchId, record);
    if (found.length === 0) return;
    for (const pid of found) signalProcess(pid, 'SIGKILL');
    if (performance.now() > endsAt)
      throw new AppError('internal', `Cannot end task "${dispatchId}": some processes go on`);
    await sleep(pauseMs);
  }
}

/** Removes a folder whatever the subagent made of it: closed folders, and trees deeper than any path may be long. */
export async function removeTree(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true });
  } catch {
    const run = promisify(execFile);
    await run('chmod', ['-R', 'u+rwX', '--', folder]).catch(() => {});
    await run('rm', ['-rf', '--', folder]);
  }
}

function leftovers(dispatchId: string, record: TaskRecord | undefined): number[] {
  // Its group is the supervisor's own, with the git processes it started; the subagent has another.
  const supervisor = record?.supervisor === undefined ? [] : groupMembers(record.supervisor);
  return [...supervisor, ...processesOfTask(dispatchId, record?.uid)];
}

function processesOfTask(dispatchId: string, uid: number | undefined): number[] {
  if (uid === undefined) return processesWith(workerEnvironmentNames.dispatchId, dispatchId);
  return runningProcesses().filter((pid) => statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid === uid);
}
