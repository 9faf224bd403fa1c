import { lchownSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, isAppError } from '../contracts/errors.ts';
import { isGitName, isStateFolderName } from '../contracts/reserved-names.ts';
import type { Abortable, WorktreePaths } from './baseline.ts';
import { git } from './git.ts';
import { type PatchedFile, parsePatch } from './patch-paths.ts';

export interface ApplyInPlaceOptions extends Abortable {
  /** Who gets what it writes. Default: the writer. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
}

/**
 * Applies a patch to the files of a worktree that nobody uses meanwhile, all of it or nothing; the baseline stays as it
 * is. A patch that does not fit raises `patch-conflict`; one that names what is not a file of the work, or leaves the
 * worktree, raises `refused`. Git itself writes nothing through a link.
 */
export async function applyInPlace(
  paths: WorktreePaths,
  patchFile: string,
  { owner, signal }: ApplyInPlaceOptions = {},
): Promise<void> {
  const patch = await readFile(patchFile);
  if (patch.length === 0) return;
  const files = parseSafely(patch);
  const applied = await git(paths, ['apply', '-'], { input: patch, answers: [1, 128], ...(signal && { signal }) });
  if (applied.exitCode !== 0) {
    const cause = new Error(applied.stderr);
    throw new AppError('patch-conflict', 'Cannot apply the patch: it does not fit the worktree', { cause });
  }
  if (owner !== undefined)
    for (const path of placesOf(files)) lchownSync(join(paths.workTree, path), owner.uid, owner.gid);
}

function parseSafely(patch: Buffer): PatchedFile[] {
  let files: PatchedFile[];
  try {
    files = parsePatch(patch);
  } catch (error) {
    if (!isAppError(error, 'invalid-input')) throw error;
    throw new AppError('refused', error.message, { cause: error });
  }
  for (const file of files) {
    const path = [file.oldPath, file.newPath, ...file.paths].find((name) => name !== undefined && isOutside(name));
    if (path !== undefined) throw refused(path, 'it is not a file of the worktree');
    const mode = file.modes.find((found) => !/^(100\d{3}|120000)$/.test(found));
    if (mode !== undefined) throw refused(file.newPath ?? file.oldPath ?? '', `mode ${mode} is no file or link`);
  }
  return files;
}

function isOutside(path: string): boolean {
  const parts = path.split('/');
  return parts.some((part) => ['', '.', '..'].includes(part) || isGitName(part) || isStateFolderName(part));
}

function refused(path: string, state: string): AppError {
  return new AppError('refused', `Cannot apply the patch: "${path}": ${state}`);
}

/** Every file that is there now, and the folders above, which may be new. */
function placesOf(files: readonly PatchedFile[]): Set<string> {
  const places = new Set<string>();
  for (const { newPath } of files) {
    const parts = newPath?.split('/') ?? [];
    for (let depth = 1; depth <= parts.length; depth += 1) places.add(parts.slice(0, depth).join('/'));
  }
  return places;
}
