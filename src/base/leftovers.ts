import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Nothing that is still worked on stays untouched for so long. */
export const leftoverAgeMs = 24 * 3_600_000;

/**
 * Removes what processes that were killed left unfinished in a folder: entries with such a name, older than a day. As
 * far as it can: what stays takes space and harms nothing.
 */
export async function removeLeftovers(
  folder: string,
  isLeftover: (name: string) => boolean = () => true,
  now: number = Date.now(),
): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter(isLeftover)) {
    const path = join(folder, name);
    const found = await lstat(path).catch(() => undefined);
    if (found === undefined || now - found.mtimeMs <= leftoverAgeMs) continue;
    await rm(path, { recursive: true, force: true }).catch(() => {});
  }
}
