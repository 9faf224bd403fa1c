import { readFile } from 'node:fs/promises';
import { sleep } from '../src/base/deadline.ts';

/** What a process used over some time. */
export interface ProcessUse {
  /** Of one core; 1 is all of it. */
  readonly cpu: number;
  /** The most that was seen. */
  readonly residentBytes: number;
}

const ticksPerSecond = 100;
const betweenLooksMs = 1_000;

/** Of one process, its finished children included, while it does what it does. */
export async function watchProcess(pid: number, seconds: number): Promise<ProcessUse> {
  const startedAt = performance.now();
  const before = await cpuSecondsOf(pid);
  let residentBytes = 0;
  while (performance.now() - startedAt < seconds * 1_000) {
    await sleep(betweenLooksMs);
    residentBytes = Math.max(residentBytes, await residentBytesOf(pid));
  }
  const used = (await cpuSecondsOf(pid)) - before;
  return { cpu: (used * 1_000) / (performance.now() - startedAt), residentBytes };
}

/** Of itself and of its children that have ended. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name before may have blanks.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerSecond;
}

export async function residentBytesOf(pid: number): Promise<number> {
  const [, kibibytes = '0'] = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}
