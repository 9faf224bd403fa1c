import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { sleep } from '../base/deadline.ts';
import { isSameProcess, runningProcesses } from '../base/process-identity.ts';
import { AppError } from '../contracts/errors.ts';
import { workerEnvironmentNames } from '../contracts/names.ts';
import type { TaskRecord } from './process-record.ts';

const patienceMs = 10_000;
const pauseMs = 10;

/** Kills what is left of a task: its supervisor, processes of its own user, and those that carry its id. */
export async function endLeftovers(dispatchId: string, record: TaskRecord | undefined): Promise<void> {
  const endsAt = performance.now() + patienceMs;
  for (;;) {
    const found = leftovers(dispatchId, record);
    if (found.length === 0) return;
    for (const pid of found) killOne(pid);
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
  const supervisor = record && isSameProcess(record.supervisor) ? [record.supervisor.pid] : [];
  const others = runningProcesses().filter((pid) => isOfTask(pid, dispatchId, record?.uid));
  return [...supervisor, ...others];
}

function isOfTask(pid: number, dispatchId: string, uid: number | undefined): boolean {
  if (uid !== undefined) return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid === uid;
  return environmentOf(pid).includes(`${workerEnvironmentNames.dispatchId}=${dispatchId}\0`);
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    // Gone, or somebody else's.
    return '';
  }
}

function killOne(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
