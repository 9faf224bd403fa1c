import { createReadStream } from 'node:fs';
import { chmod, chown, copyFile, lchown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../contracts/errors.ts';
import { inNames } from '../contracts/names.ts';
import type { TaskSpec } from '../contracts/task.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';
import { createBaseline } from '../worktree/baseline.ts';
import { extractTree, type Owner } from './extract-tree.ts';

const inputsFolder = 'inputs';
const inputKeyPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Lays out the worktree, the subagent's other folders, and the baseline that the patch is made against. */
export async function prepareWork(place: WorkerPlace, spec: TaskSpec, signal: AbortSignal): Promise<void> {
  const { paths, user } = place;
  await openFolder(paths.out, 0o700);
  await openFolder(paths.git, 0o700);
  for (const path of [paths.workspace, paths.outputs, ...(paths.scratch === undefined ? [] : [paths.scratch])]) {
    await openFolder(path, 0o755, user);
  }
  if (spec.hasWorktree) {
    const maxBytes = spec.limits.diskMb * 1024 * 1024;
    const options = { maxBytes, signal, ...(user && { owner: user }) };
    await extractTree(createReadStream(join(paths.in, inNames.worktree)), paths.workspace, options);
  }
  await copyInputs(place, spec.inputKeys);
  await createBaseline({ gitDir: paths.git, workTree: paths.workspace }, { signal });
}

async function openFolder(path: string, mode: number, owner?: Owner): Promise<void> {
  await mkdir(path, { recursive: true });
  // Modes first: without CAP_FOWNER only the owner may change them.
  await chmod(path, mode);
  if (owner) await chown(path, owner.uid, owner.gid);
}

async function copyInputs({ paths, user }: WorkerPlace, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  const folder = join(paths.workspace, inputsFolder);
  await openFolder(folder, 0o755, user);
  for (const key of keys) {
    if (!inputKeyPattern.test(key)) throw new AppError('invalid-input', `Cannot hand in "${key}": not an input key`);
    const target = join(folder, key);
    await copyFile(join(paths.in, inNames.inputs, key), target);
    await chmod(target, 0o644);
    if (user) await lchown(target, user.uid, user.gid);
  }
}
