import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../contracts/errors.ts';

/** Nothing that is still worked on stays untouched for so long. */
export const leftoverAgeMs = 24 * 3_600_000;

/** Removes what processes that were killed left unfinished in a folder: entries with such a name, older than a day. */
export async function removeLeftovers(
  folder: string,
  isLeftover: (name: string) => boolean = () => true,
  now: number = Date.now(),
): Promise<void> {
  for (const name of await namesIn(folder)) {
    if (!isLeftover(name)) continue;
    const path = join(folder, name);
    // Another process may be removing it too.
    const found = await lstat(path).catch(() => undefined);
    if (found !== undefined && now - found.mtimeMs > leftoverAgeMs) await rm(path, { recursive: true, force: true });
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
