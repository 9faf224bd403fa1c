import { readFile } from 'node:fs/promises';
import { systemErrorCode } from '../contracts/errors.ts';

/**
 * Whether a process of this machine is one of a container. The engine may be on another machine, or we in a container: then the
 * number is of something else, or of nothing.
 */
export async function isOfContainer(pid: number, containerId: string): Promise<boolean> {
  if (pid <= 0) return false;
  for (const name of ['cgroup', 'mountinfo']) if ((await readOf(pid, name)).includes(containerId)) return true;
  return false;
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

export type KillOutcome = 'done' | 'ended' | 'not-allowed';

/** Signals the process group that a program leads, as a terminal does; an engine makes each command the leader of one. */
export function killGroup(pid: number, signal: NodeJS.Signals): KillOutcome {
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
