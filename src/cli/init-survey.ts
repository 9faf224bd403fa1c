import type { Stats } from 'node:fs';
import { lstat, readlink, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { git } from '../worktree/git.ts';

export interface FoundFile {
  readonly path: string;
  readonly sizeBytes: number;
}

/** What of a listing is there: git lists what was deleted, or left out of a sparse checkout, as well. */
export interface Survey {
  /** Links among them. */
  readonly files: readonly FoundFile[];
  /** Links that lead out of the folder, which no run can take. */
  readonly leaving: readonly string[];
}

export async function survey(folder: string, paths: readonly string[]): Promise<Survey> {
  const files: FoundFile[] = [];
  const leaving: string[] = [];
  for (const path of paths) {
    const found = await statOf(join(folder, path));
    if (found?.isSymbolicLink() === true) {
      files.push({ path, sizeBytes: 0 });
      if (await leaves(folder, path)) leaving.push(path);
    } else if (found?.isFile() === true) files.push({ path, sizeBytes: found.size });
  }
  return { files, leaving };
}

/** Whether ignore rules of the folder can hide the paths: its repository tracks none, and none is of one inside. */
export async function hideable(folder: string, paths: readonly string[]): Promise<boolean> {
  const listed = await git({ directory: folder }, ['ls-files', '-o', '--exclude-standard', '-z'], { answers: [128] });
  const untracked = new Set(listed.stdout.toString('utf8').split('\0'));
  return listed.exitCode === 0 && paths.every((path) => untracked.has(path));
}

async function statOf(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(() => undefined); // Whether it matters is for the snapshot to say.
}

async function leaves(folder: string, path: string): Promise<boolean> {
  const link = join(folder, path);
  const target = await readlink(link).catch(() => '');
  const real = await realpath(link).catch(() => undefined);
  const ends = [resolve(dirname(link), target), ...(real === undefined ? [] : [real])];
  return isAbsolute(target) || ends.some((end) => isOutside(folder, end));
}

function isOutside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '..' || way.startsWith('../') || isAbsolute(way);
}
