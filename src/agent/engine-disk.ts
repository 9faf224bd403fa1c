import { statfs } from 'node:fs/promises';
import type { HostObservation } from '../contracts/host-observation.ts';
import type { HostSample } from '../contracts/metrics.ts';

/** Of the file system that holds a folder of this machine; undefined where it cannot be told. */
export async function diskOfFolder(folder: string): Promise<HostObservation['disk']> {
  try {
    const { blocks, bfree, bavail, bsize } = await statfs(folder);
    const freeBytes = Math.max(0, bavail) * bsize;
    // As df counts: what is kept for root is no space.
    return { freeBytes, totalBytes: (blocks - bfree) * bsize + freeBytes };
  } catch {
    return undefined; // The engine is on another machine, or names a folder that we do not see.
  }
}

/** The same from what was measured, for an agent that does not see the host's files. */
export function diskOfSample(disks: HostSample['disks'] | undefined, folder: string): HostObservation['disk'] {
  const holds = (path: string) => path === '/' || folder === path || folder.startsWith(`${path}/`);
  const [disk] = (disks ?? []).filter(({ path }) => holds(path)).sort((a, b) => b.path.length - a.path.length);
  if (disk === undefined) return undefined;
  const { usedBytes, availableBytes } = disk;
  return { totalBytes: Math.floor(usedBytes + availableBytes), freeBytes: Math.floor(availableBytes) };
}
