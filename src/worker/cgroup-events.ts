import { readFileSync } from 'node:fs';
import type { WorkerPlace } from '../contracts/worker-place.ts';

/** How often the kernel enforced a limit on this container so far. */
export interface CgroupEvents {
  readonly memoryKills: number;
  readonly refusedForks: number;
}

/** Where version 2 and then version 1 tell it, with the word before the number. */
const sources = {
  memoryKills: [
    { file: 'memory.events', word: 'oom_kill' },
    { file: 'memory/memory.oom_control', word: 'oom_kill' },
  ],
  refusedForks: [
    { file: 'pids.events', word: 'max' },
    { file: 'pids/pids.events', word: 'max' },
  ],
} as const;

/** Reads the counters of the cgroup seen at `root`; 0 where there is none. */
export function readCgroupEvents(root = '/sys/fs/cgroup'): CgroupEvents {
  const count = (kind: keyof typeof sources): number => {
    for (const { file, word } of sources[kind]) {
      const value = readCounter(`${root}/${file}`, word);
      if (value !== undefined) return value;
    }
    return 0;
  };
  return { memoryKills: count('memoryKills'), refusedForks: count('refusedForks') };
}

/** What the kernel enforced on a task since `before`. */
export function eventsSince({ isContainer }: WorkerPlace, before: CgroupEvents): CgroupEvents {
  // Elsewhere the counters are those of the whole machine.
  if (!isContainer) return { memoryKills: 0, refusedForks: 0 };
  const after = readCgroupEvents();
  return {
    memoryKills: after.memoryKills - before.memoryKills,
    refusedForks: after.refusedForks - before.refusedForks,
  };
}

function readCounter(path: string, word: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch {
    // Not this version, or not visible here.
    return undefined;
  }
  const value = text
    .split('\n')
    .map((line) => line.split(' '))
    .find(([name]) => name === word)?.[1];
  return value === undefined ? undefined : Number(value);
}
