import { chmodSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../contracts/errors.ts';
import { outNames } from '../contracts/names.ts';
import type { TaskResult, TaskSpec } from '../contracts/task.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';
import { capturePatch } from '../worktree/capture.ts';
import { copyOutputs } from './copy-outputs.ts';
import { walkTree } from './tree-walk.ts';

/** What was kept of the subagent's work, as the result file lists it. */
export type CapturedWork = Pick<TaskResult, 'patchBytes' | 'outputs' | 'leftOut' | 'redacted' | 'blocks'>;

export const nothingCaptured: CapturedWork = { patchBytes: 0, outputs: [], leftOut: [], redacted: [], blocks: [] };

const bytesPerMb = 1024 * 1024;

/** Keeps the outputs of a subagent that has no process left. */
export async function captureOutputs({ paths }: WorkerPlace, spec: TaskSpec): Promise<CapturedWork> {
  await openUp(paths.outputs);
  const maxBytes = spec.limits.diskMb * bytesPerMb;
  const copied = await copyOutputs(paths.outputs, join(paths.out, outNames.outputs), { maxBytes });
  return { ...nothingCaptured, ...copied };
}

/** Keeps its patch; gives the size. */
export async function captureWorktree({ paths }: WorkerPlace, spec: TaskSpec, signal: AbortSignal): Promise<number> {
  await openUp(paths.workspace);
  const worktree = { gitDir: paths.git, workTree: paths.workspace };
  const options = { maxBytes: spec.limits.outputBytes, signal };
  return (await capturePatch(worktree, join(paths.out, outNames.patch), options)).sizeBytes;
}

/** Lets the supervisor read what the subagent closed, where it has no right to read everything. */
async function openUp(folder: string): Promise<void> {
  if (!lstatSync(folder).isDirectory())
    throw new AppError('invalid-input', `Cannot capture "${folder}": no folder any more`);
  if (process.geteuid?.() === 0) return;
  chmodSync(folder, 0o755);
  await walkTree(folder, {
    visit: ({ location, stats }) => {
      const mode = Number(stats.mode) & 0o7777;
      const needed = stats.isDirectory() ? 0o700 : 0o400;
      if ((stats.isDirectory() || stats.isFile()) && (mode & needed) !== needed) chmodSync(location, mode | needed);
      return true;
    },
  });
}
