import { statSync } from 'node:fs';
import { sleep } from '../base/deadline.ts';
import { isSameProcess, type ProcessIdentity, runningProcesses } from '../base/process-identity.ts';
import { processesWith, signalProcess } from '../base/process-sweep.ts';
import { AppError } from '../contracts/errors.ts';
import { workerEnvironmentNames } from '../contracts/names.ts';

const patienceMs = 10_000;
const pauseMs = 5;

/** In a container: kills all processes but init and this one, in one step of the kernel that no fork outruns. */
export async function killEverything(): Promise<void> {
  // A second look at where we are: on a machine of its own this signal would reach everybody.
  if (process.pid !== 1 && process.ppid !== 1)
    throw new AppError('internal', 'Cannot sweep: not in a worker container');
  await untilNone('the container', () => {
    try {
      process.kill(-1, 'SIGKILL');
    } catch {
      // There is nobody to kill.
    }
    return runningProcesses().filter((pid) => pid !== 1 && pid !== process.pid);
  });
}

/** Kills every process of a user that only this task has. */
export async function killUser(uid: number): Promise<void> {
  await untilNone(`user ${uid}`, () => {
    const found = runningProcesses().filter((pid) => ownerOf(pid) === uid);
    // All are stopped before any is killed, so that none can replace another meanwhile.
    for (const signal of ['SIGSTOP', 'SIGKILL'] as const) for (const pid of found) signalProcess(pid, signal);
    return found;
  });
}

/** Kills every process of a task that shares its user with others: those that still carry its id. */
export async function killTask(dispatchId: string): Promise<void> {
  await untilNone(`task ${dispatchId}`, () => {
    const found = processesWith(workerEnvironmentNames.dispatchId, dispatchId);
    for (const signal of ['SIGSTOP', 'SIGKILL'] as const) for (const pid of found) signalProcess(pid, signal);
    return found;
  });
}

/** Waits until a process that was killed has ended. */
export async function untilEnded(identity: ProcessIdentity): Promise<void> {
  await untilNone(`process ${identity.pid}`, () => (isSameProcess(identity) ? [identity.pid] : []));
}

async function untilNone(what: string, sweep: () => readonly number[]): Promise<void> {
  const endsAt = performance.now() + patienceMs;
  while (sweep().length > 0) {
    if (performance.now() > endsAt) throw new AppError('internal', `Cannot end the processes of ${what}: some go on`);
    await sleep(pauseMs);
  }
}

function ownerOf(pid: number): number | undefined {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
}
