import { readdirSync, readFileSync } from 'node:fs';

/** A process that is not mistaken for a later one with its number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** In clock ticks since the machine started. */
  readonly startTicks: string;
}

interface ProcessStat {
  readonly state: string;
  readonly startTicks: string;
  readonly group: number;
}

export function processIdentity(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  return stat && { pid, startTicks: stat.startTicks };
}

/** Every process that runs now, by number; none that has ended and only waits to be noticed. */
export function runningProcesses(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && isRunning(readStat(pid)));
}

/** True while that very process runs; a zombie has ended. */
export function isSameProcess({ pid, startTicks }: ProcessIdentity): boolean {
  const stat = readStat(pid);
  return stat?.startTicks === startTicks && isRunning(stat);
}

/** What runs in the group that a process leads or led; none once its number is another's. */
export function groupMembers(leader: ProcessIdentity): number[] {
  const found = readStat(leader.pid);
  if (found !== undefined && found.startTicks !== leader.startTicks) return [];
  return runningProcesses().filter((pid) => readStat(pid)?.group === leader.pid);
}

function isRunning(stat: ProcessStat | undefined): boolean {
  return stat !== undefined && stat.state !== 'Z' && stat.state !== 'X';
}

function readStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    // It is gone, or this system shows no processes.
    return undefined;
  }
  // The name in brackets may itself hold brackets and spaces.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, group, startTicks] = [fields[0], fields[2], fields[19]];
  return state === undefined || startTicks === undefined ? undefined : { state, group: Number(group), startTicks };
}
