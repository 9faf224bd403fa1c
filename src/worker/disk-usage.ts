import { systemErrorCode } from '../contracts/errors.ts';
import { walkTree } from './tree-walk.ts';

/** What each name costs beyond its content: empty files fill a disk as well. */
const entryBytes = 256;
const maxLinksRemembered = 100_000;

/** Bytes that some folders hold together, links counted once. Stops counting soon after `enoughBytes`. */
export async function diskUsage(folders: readonly string[], enoughBytes: number): Promise<number> {
  const counted = new Set<string>();
  let total = 0;
  for (const folder of folders) {
    await walkExisting(folder, ({ stats }) => {
      total += entryBytes;
      if (stats.isFile() && isNew(counted, stats)) total += Math.max(Number(stats.size), Number(stats.blocks) * 512);
      return total <= enoughBytes;
    });
  }
  return total;
}

function isNew(counted: Set<string>, { nlink, dev, ino }: { nlink: bigint; dev: bigint; ino: bigint }): boolean {
  if (nlink === 1n) return true;
  const key = `${dev}:${ino}`;
  if (counted.has(key)) return false;
  if (counted.size < maxLinksRemembered) counted.add(key);
  return true;
}

async function walkExisting(folder: string, visit: Parameters<typeof walkTree>[1]['visit']): Promise<void> {
  try {
    await walkTree(folder, { visit });
  } catch (error) {
    // The subagent may have taken the folder away or closed it; then it holds nothing that can be seen.
    if (!['ENOENT', 'EACCES', 'ENOTDIR', 'ELOOP'].includes(systemErrorCode(error) ?? '')) throw error;
  }
}

export interface DiskWatchOptions {
  readonly folders: readonly string[];
  readonly limitBytes: number;
  readonly signal: AbortSignal;
}

const shortestPauseMs = 100;
const longestPauseMs = 5_000;
/** At most a tenth of the time goes into looking. */
const pausePerLook = 9;

/** Measures again and again, the more often the cheaper it is; resolves true once the limit is passed. */
export async function watchDisk({ folders, limitBytes, signal }: DiskWatchOptions): Promise<boolean> {
  while (!signal.aborted) {
    const startedAt = performance.now();
    if ((await diskUsage(folders, limitBytes)) > limitBytes) return true;
    const lookMs = performance.now() - startedAt;
    await pause(Math.min(Math.max(lookMs * pausePerLook, shortestPauseMs), longestPauseMs), signal);
  }
  return false;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(finish, ms);
    function finish(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    }
    signal.addEventListener('abort', finish);
    if (signal.aborted) finish();
  });
}
