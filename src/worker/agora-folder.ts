import { chmodSync, chownSync, copyFileSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inNames, worktreeNames } from '../contracts/names.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';

/** Puts the answer where the subagent finds it. Nobody uses the worktree meanwhile. */
export function handInAnswer(place: WorkerPlace): void {
  const { paths, user } = place;
  const folder = join(paths.workspace, worktreeNames.folder);
  if (!isFolder(folder)) {
    // A link in its place would lead the answer elsewhere.
    rmSync(folder, { force: true });
    mkdirSync(folder, 0o755);
    if (user) chownSync(folder, user.uid, user.gid);
  }
  const file = join(folder, worktreeNames.answer);
  rmSync(file, { recursive: true, force: true });
  copyFileSync(join(paths.in, inNames.answer), file);
  chmodSync(file, 0o644);
  if (user) chownSync(file, user.uid, user.gid);
}

/** Takes away a question that nobody asked yet: what is found afterwards is the subagent's own. */
export function clearQuestion({ paths }: WorkerPlace): void {
  const folder = join(paths.workspace, worktreeNames.folder);
  if (isFolder(folder)) rmSync(join(folder, worktreeNames.question), { recursive: true, force: true });
}

/** A real one, and no link to one. */
export function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
