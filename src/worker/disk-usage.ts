import { statfs } from 'node:fs/promises';
import { sleep } from '../base/deadline.ts';
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

const smallestReserveBytes = 256 * 1024 * 1024;
const reserveShare = 0.02;

/** What must stay free of a disk: never more than half of what was free at the start, which may have been little. */
export function reserveBytes(totalBytes: number, freeBytes: number): number {
  return Math.min(Math.max(smallestReserveBytes, totalBytes * reserveShare), freeBytes / 2);
}

/**
 * Resolves true once the disk of a folder has less free than its reserve. What a walk cannot see, such as files that
 * were unlinked and are still open, ends there: the disk of the host never fills.
 */
export async function watchFreeSpace(folder: string, signal: AbortSignal): Promise<boolean> {
  const start = await spaceOf(folder);
  const reserve = reserveBytes(start.totalBytes, start.freeBytes);
  while (!signal.aborted) {
    if ((await spaceOf(folder)).freeBytes < reserve) return true;
    await pause(shortestPauseMs, signal);
  }
  return false;
}

async function spaceOf(folder: string): Promise<{ readonly totalBytes: number; readonly freeBytes: number }> {
  const { blocks, bavail, bsize } = await statfs(folder);
  return { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
}

/** Shorter when the watch ends. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, signal).catch(() => {});
}
