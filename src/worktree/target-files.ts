import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../contracts/errors.ts';
import type { TreeFile } from './repository.ts';

export interface TargetFile extends TreeFile {
  readonly content: Buffer;
  readonly permissions: number;
}

/** What lies at a path that a patch wants to change. */
export type Target =
  | { readonly kind: 'absent' }
  | { readonly kind: 'file'; readonly file: TargetFile }
  /** A folder, a pipe, or something below a link or a file: nothing can be put there. */
  | { readonly kind: 'blocked' };

/** Reads each path of the directory, following no link. What `isRemoved` is taken out first, so it blocks nothing. */
export async function readTargets(
  directory: string,
  paths: Iterable<string>,
  isRemoved: (path: string) => boolean,
): Promise<Map<string, Target>> {
  const targets = new Map<string, Target>();
  for (const path of paths) targets.set(path, await readTarget(directory, path, isRemoved));
  return targets;
}

export function sameFile(first: TreeFile | undefined, second: TreeFile | undefined): boolean {
  return first?.mode === second?.mode && first?.blob === second?.blob;
}

async function readTarget(directory: string, path: string, isRemoved: (path: string) => boolean): Promise<Target> {
  const blocker = await blockingParent(directory, path);
  if (blocker !== undefined) return { kind: isRemoved(blocker) ? 'absent' : 'blocked' };
  const file = join(directory, path);
  const found = await statOf(file);
  if (found === undefined) return { kind: 'absent' };
  const permissions = found.mode & 0o777;
  if (found.isSymbolicLink()) {
    const content = await readlink(file, { encoding: 'buffer' });
    return { kind: 'file', file: { mode: '120000', blob: blobOf(content), content, permissions } };
  }
  if (found.isFile()) {
    const content = await readFile(file);
    const mode = (permissions & 0o100) === 0 ? '100644' : '100755';
    return { kind: 'file', file: { mode, blob: blobOf(content), content, permissions } };
  }
  const isEmptied = found.isDirectory() && (await filesBelow(directory, path)).every(isRemoved);
  return { kind: isEmptied ? 'absent' : 'blocked' };
}

/** The nearest folder above that is not one. */
async function blockingParent(directory: string, path: string): Promise<string | undefined> {
  for (let end = path.indexOf('/'); end > 0; end = path.indexOf('/', end + 1)) {
    const parent = path.slice(0, end);
    const found = await statOf(join(directory, parent));
    if (found === undefined) return undefined;
    if (!found.isDirectory()) return parent;
  }
  return undefined;
}

async function filesBelow(directory: string, path: string): Promise<string[]> {
  const entries = await readdir(join(directory, path), { withFileTypes: true });
  const below = entries.map(async (entry) => {
    const inner = `${path}/${entry.name}`;
    return entry.isDirectory() ? filesBelow(directory, inner) : [inner];
  });
  return (await Promise.all(below)).flat();
}

async function statOf(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

// The name git gives these bytes.
function blobOf(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}
