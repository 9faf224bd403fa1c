import { readFile, readlink } from 'node:fs/promises';
import { processIdentity } from '../base/process-identity.ts';
import { systemErrorCode } from '../contracts/errors.ts';

/** What the kernel tells everybody, whatever it counts in itself. */
const ticksPerSecond = 100;

export interface ProcessContainer {
  readonly id: string;
  /** Of its main program. */
  readonly pid: number;
}

/**
 * Whether a process of this machine is one of a container. The engine may be on another machine, or we in a container: then the
 * number is of something else, or of nothing.
 */
export async function isOfContainer(pid: number, { id, pid: main }: ProcessContainer): Promise<boolean> {
  if (pid <= 0) return false;
  if ((await readOf(pid, 'cgroup')).includes(id)) return true;
  if (!hasFilesOf(await readOf(pid, 'mountinfo'), id)) return false;
  // One that shares the network of another has files of it as well.
  const [own, its] = await Promise.all([pid, main].map(mountsOf));
  return own === undefined || its === undefined || own === its;
}

/** What an engine mounts into a container from a folder of its id. On the host, such a folder is where something is mounted. */
export function hasFilesOf(mountinfo: string, id: string): boolean {
  return mountinfo.split('\n').some((line) => {
    const [, , , root = '', place = ''] = line.split(' ');
    return root.includes(id) && !place.includes(id);
  });
}

/** Undefined where the kernel does not tell us. */
async function mountsOf(pid: number): Promise<string | undefined> {
  return await readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined);
}

/** Its number in the container; undefined where the kernel does not tell. */
export async function pidInside(pid: number): Promise<number | undefined> {
  const inner = /^NSpid:.*\s(\d+)$/m.exec(await readOf(pid, 'status'))?.[1];
  return inner === undefined ? undefined : Number(inner);
}

async function readOf(pid: number, name: string): Promise<string> {
  try {
    return await readFile(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return ''; // It is gone, or not ours to look at.
  }
}

/** How many seconds this machine has run, as the start of a process is counted. */
export async function machineSeconds(): Promise<number> {
  const seconds = Number.parseFloat(await readFile('/proc/uptime', 'utf8').catch(() => ''));
  return Number.isNaN(seconds) ? Number.POSITIVE_INFINITY : seconds;
}

/** Whether a process began no later than that; one that did not has the number of another. */
export function beganBy(seconds: number, pid: number): boolean {
  const identity = processIdentity(pid);
  return identity !== undefined && Number(identity.startTicks) / ticksPerSecond <= seconds;
}

export const signalOutcomes = ['done', 'ended', 'not-seen', 'not-allowed'] as const;
export type SignalOutcome = (typeof signalOutcomes)[number];

/** Signals the process group that a program leads, as a terminal does; an engine makes each command the leader of one. */
export function killGroup(pid: number, signal: NodeJS.Signals): SignalOutcome {
  if (pid <= 1) return 'ended'; // As a group, 1 is every process there is.
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, signal);
      return 'done';
    } catch (error) {
      const code = systemErrorCode(error);
      if (code === 'EPERM') return 'not-allowed';
      if (code !== 'ESRCH') throw error;
    }
  }
  return 'ended';
}
