import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What a process that was started with this file preloaded holds once all garbage is collected, in bytes. */
export interface HeldBytes {
  readonly heap: number;
  /** Outside the heap, buffers included. */
  readonly external: number;
  readonly resident: number;
}

/** With each SIGUSR2 it writes them to its file in the folder that `AGORA_BENCH_MEMORY` names. */
function watchMemory(folder: string): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void; // As the flag makes it.
  process.on('SIGUSR2', () => {
    // What the first one finds may be what only a second one frees.
    for (let round = 0; round < 3; round += 1) collect();
    const { heapUsed, external, rss } = process.memoryUsage();
    const held: HeldBytes = { heap: heapUsed, external, resident: rss };
    const file = join(folder, `memory-${process.pid}.json`);
    writeFileSync(`${file}.new`, JSON.stringify(held));
    renameSync(`${file}.new`, file);
  });
}

const folder = process.env['AGORA_BENCH_MEMORY'];
if (folder !== undefined) watchMemory(folder);
