import { statfs } from 'node:fs/promises';
import { sleep } from '../../base/deadline.ts';
import type { SpaceReading } from './reading.ts';

/** Those on a disk of this host. What is in memory, on the network or made of others is left out; a dead network one never answers. */
const onDisk = new Set(
  'ext2 ext3 ext4 xfs btrfs zfs f2fs bcachefs jfs reiserfs vfat exfat ntfs ntfs3 fuseblk ufs hfsplus'.split(' '),
);
const mostDisks = 64;
const patienceMs = 2_000;

/** Where each disk is mounted, of a file such as `/proc/mounts`: once each, at its shortest path. */
export function disksOf(text: string): string[] {
  const paths = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [device = '', escaped = '', type = ''] = line.split(' ', 3);
    const isRootOverlay = escaped === '/' && type === 'overlay';
    if (!onDisk.has(type) && !isRootOverlay) continue;
    const path = escaped.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    const before = paths.get(device);
    if (before === undefined || path.length < before.length) paths.set(device, path);
  }
  return [...new Set(paths.values())].sort().slice(0, mostDisks);
}

/** How full disks are. One that does not answer is left out, and asked again once it has. */
export class DiskSpace {
  readonly #root: string;
  readonly #asking = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  async read(paths: readonly string[]): Promise<SpaceReading[]> {
    const found = await Promise.all(paths.map((path) => this.#spaceOf(path)));
    return found.filter((space) => space !== undefined);
  }

  async #spaceOf(path: string): Promise<SpaceReading | undefined> {
    if (this.#asking.has(path)) return undefined;
    this.#asking.add(path);
    const asked = this.#ask(path);
    const ended = new AbortController();
    const tooLate = sleep(patienceMs, ended.signal).then(
      () => undefined,
      () => undefined,
    );
    try {
      return await Promise.race([asked, tooLate]);
    } finally {
      ended.abort();
    }
  }

  async #ask(path: string): Promise<SpaceReading | undefined> {
    try {
      const { blocks, bfree, bavail, bsize } = await statfs(this.#root === '' ? path : `${this.#root}${path}`);
      if (blocks === 0) return undefined;
      // What is kept for root is neither used nor available; a disk in debt to root has nothing.
      const availableBytes = Math.max(0, bavail) * bsize;
      return { path, totalBytes: blocks * bsize, usedBytes: (blocks - bfree) * bsize, availableBytes };
    } catch {
      return undefined; // Unmounted meanwhile.
    } finally {
      this.#asking.delete(path);
    }
  }
}
