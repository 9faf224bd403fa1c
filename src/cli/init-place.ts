import { realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, resolve } from 'node:path';
import { AppError } from '../contracts/errors.ts';
import { git } from '../worktree/git.ts';
import { findRepository, type SourceRepository } from '../worktree/source-files.ts';

/** Where a project begins. */
export interface InitPlace {
  readonly folder: string;
  readonly repository: SourceRepository | undefined;
  /** True when the folder lies above the one the command was called in. */
  readonly isAbove: boolean;
}

/** A named folder itself; else the root of the repository, or the current folder outside of one. */
export async function findPlace(named: string | undefined, cwd: string): Promise<InitPlace> {
  const asked = await folderAt(resolve(cwd, named ?? '.'));
  const repository = await findRepository(asked);
  if (repository === undefined) {
    await refuseInsideGit(asked);
    refuseWholeDisk(asked);
    return { folder: asked, repository, isAbove: false };
  }
  const folder = named === undefined ? repository.topLevel : asked;
  return { folder, repository, isAbove: folder !== asked };
}

/** A branch there is none of yet, for what a run makes; undefined outside of a repository. */
export async function newBranch({ folder, repository }: InitPlace, runId: string): Promise<string | undefined> {
  if (repository === undefined) return undefined;
  const listed = await git({ directory: folder }, ['for-each-ref', '--format=%(refname:lstrip=2)', 'refs/heads/']);
  const taken = listed.stdout.toString('utf8').split('\n');
  // A branch by the name of a folder leaves no place for branches below it.
  const stem = `agora${taken.includes('agora') ? '-' : '/'}${runId}`;
  for (let number = 1; ; number++) {
    const name = number === 1 ? stem : `${stem}-${number}`;
    if (!taken.some((branch) => branch === name || branch.startsWith(`${name}/`))) return name;
  }
}

async function folderAt(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true) return realpath(path);
  const state = found === undefined ? 'there is no such folder' : 'it is not a folder';
  throw new AppError('usage', `Cannot init "${path}": ${state}`, { next: `mkdir -p ${path}` });
}

// Git finds no files of its own in a bare repository and inside .git, as it finds none where there is no repository.
async function refuseInsideGit(folder: string): Promise<void> {
  const asked = await git({ directory: folder }, ['rev-parse', '--is-bare-repository', '--is-inside-git-dir'], {
    answers: [128],
  });
  const [isBare, isInside] = asked.stdout.toString('utf8').split('\n');
  if (asked.exitCode !== 0 || (isBare !== 'true' && isInside !== 'true')) return;
  const what = isBare === 'true' ? 'a bare repository, which holds no files' : "the inside of a repository's .git";
  throw new AppError('invalid-input', `Cannot init "${folder}": it is ${what}`, {
    next: 'run agora init in a clone or a worktree of it',
  });
}

function refuseWholeDisk(folder: string): void {
  const what = folder === dirname(folder) ? 'the root of the file system' : 'your home folder';
  if (folder !== dirname(folder) && folder !== homedir()) return;
  throw new AppError('invalid-input', `Cannot init "${folder}": it is ${what}, not a project`, {
    next: 'go into the folder of a project and run agora init there',
  });
}
