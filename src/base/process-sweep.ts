import { readFileSync } from 'node:fs';
import { runningProcesses } from './process-identity.ts';

/** Signals one process; fine if it is gone. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself.
  }
}

/** Signals a process group; fine if it is gone. */
export function signalGroup(leader: number, signal: NodeJS.Signals): void {
  signalProcess(-leader, signal);
}

/** Running processes whose environment has this variable, of those that may be looked into. */
export function processesWith(name: string, value: string): number[] {
  const setting = `${name}=${value}\0`;
  return runningProcesses().filter((pid) => {
    const environment = environmentOf(pid);
    return environment.startsWith(setting) || environment.includes(`\0${setting}`);
  });
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    // Gone, or somebody else's.
    return '';
  }
}
