import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { systemErrorCode } from '../../src/contracts/errors.ts';

/** Why there can be none here; false where there can. */
export const withoutSmallDisks: string | false = process.getuid?.() !== 0 && 'only root mounts a small disk';

/** A file system with little space. `folder`, which is not there yet, is on it. */
export async function smallDisk(sizeBytes = 512 * 1024) {
  const mountPoint = await mkdtemp(join(tmpdir(), 'agora-small-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'agora-test', mountPoint]);
  const filler = join(mountPoint, 'filler');
  return {
    folder: join(mountPoint, basename(mountPoint)),
    fill: () => fillUp(filler),
    free: () => rm(filler),
    close: async () => {
      execFileSync('umount', ['-l', mountPoint]);
      await rm(mountPoint, { recursive: true });
    },
  };
}

/** Until its file system has no room for another byte. */
export async function fillUp(file: string): Promise<void> {
  for (const pieceBytes of [1_048_576, 65_536, 4_096, 1]) {
    while (await isAdded(file, pieceBytes));
  }
}

async function isAdded(file: string, sizeBytes: number): Promise<boolean> {
  try {
    await writeFile(file, Buffer.alloc(sizeBytes), { flag: 'a' });
    return true;
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOSPC') throw error;
    return false;
  }
}
