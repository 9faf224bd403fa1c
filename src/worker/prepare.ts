import { chmodSync, chownSync, createReadStream, mkdirSync } from 'node:fs';
import { chmod, copyFile, lchown, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../contracts/errors.ts';
import { inNames } from '../contracts/names.ts';
import type { BlockResult } from '../contracts/task.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';
import { applyInPlace } from '../worktree/apply-in-place.ts';
import { createBaseline, listFiles, type WorktreePaths } from '../worktree/baseline.ts';
import { handInAnswer, isFolder } from './agora-folder.ts';
import { extractTree, type Owner } from './extract-tree.ts';
import type { Job } from './job.ts';
import type { Outcome } from './outcome.ts';
import { restoreSession } from './session.ts';
import { runSetup } from './setup.ts';

const inputsFolder = 'inputs';
const inputKeyPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export interface Prepared {
  readonly blocks: readonly BlockResult[];
  /** Set when a setup script failed: there is nothing to go on with. */
  readonly failure?: Outcome;
}

/** Makes the folders of a task: the supervisor's closed to everybody else, the subagent's its own. */
export function openFolders({ paths, user }: WorkerPlace): void {
  openFolder(paths.out, 0o700);
  openFolder(paths.git, 0o700);
  for (const path of [paths.workspace, paths.outputs, ...(paths.scratch === undefined ? [] : [paths.scratch])]) {
    openFolder(path, 0o755, user);
  }
}

/**
 * Lays out what the subagent starts from. The baseline that its patch is made against is taken after setup, so that what
 * an installation leaves is not the subagent's work, and before what an earlier attempt had done, which is.
 */
export async function prepareWork(job: Job, signal: AbortSignal): Promise<Prepared> {
  const { spec, times } = job;
  const worktree = worktreeOf(job.place);
  const hasSetup = spec.setup.length > 0;
  const given = await times.during('prepare', async () => {
    await layOut(job, signal);
    return hasSetup ? (await listFiles(worktree.workTree, signal)).files : undefined;
  });
  const setup = await times.during('setup', () => runSetup(job));
  if (setup.failure !== undefined) return setup;
  await times.during('prepare', async () => {
    await createBaseline(worktree, { signal, ...(given && { given }) });
    await handBack(job, signal);
  });
  return setup;
}

export function worktreeOf({ paths }: WorkerPlace): WorktreePaths {
  return { gitDir: paths.git, workTree: paths.workspace };
}

async function layOut({ place, spec }: Job, signal: AbortSignal): Promise<void> {
  const { paths, user } = place;
  const maxBytes = spec.limits.diskMb * 1024 * 1024;
  const options = { maxBytes, signal, ...(user && { owner: user }) };
  const tarAt = (name: string) => createReadStream(join(paths.in, name));
  if (spec.hasWorktree) await extractTree(tarAt(inNames.worktree), paths.workspace, options);
  if (spec.hasOverlay) await extractTree(tarAt(inNames.overlay), paths.workspace, { ...options, replaces: true });
  await copyInputs(place, spec.inputKeys);
}

/** What an earlier attempt left, and what its question was answered with. */
async function handBack(job: Job, signal: AbortSignal): Promise<void> {
  const { place, spec } = job;
  if (spec.hasPartialPatch) {
    await applyInPlace(worktreeOf(place), join(place.paths.in, inNames.partialPatch), { signal, owner: place.user });
  }
  if (spec.hasAnswer) handInAnswer(place);
  await restoreSession(job, signal);
}

function openFolder(path: string, mode: number, owner?: Owner): void {
  mkdirSync(path, { recursive: true });
  // Modes first: without CAP_FOWNER only the owner may change them.
  chmodSync(path, mode);
  if (owner) chownSync(path, owner.uid, owner.gid);
}

async function copyInputs({ paths, user }: WorkerPlace, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  const folder = join(paths.workspace, inputsFolder);
  if (!isFolder(folder)) {
    // A link in its place would lead the inputs elsewhere.
    await rm(folder, { force: true });
    openFolder(folder, 0o755, user);
  }
  for (const key of keys) {
    if (!inputKeyPattern.test(key)) throw new AppError('invalid-input', `Cannot hand in "${key}": not an input key`);
    const target = join(folder, key);
    await rm(target, { recursive: true, force: true });
    await copyFile(join(paths.in, inNames.inputs, key), target);
    await chmod(target, 0o644);
    if (user) await lchown(target, user.uid, user.gid);
  }
}
