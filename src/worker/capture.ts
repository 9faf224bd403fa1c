import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../contracts/errors.ts';
import { outNames } from '../contracts/names.ts';
import type { TaskResult } from '../contracts/task.ts';
import { capturePatch } from '../worktree/capture.ts';
import type { PassedOver } from '../worktree/files.ts';
import { copyOutputs } from './copy-outputs.ts';
import type { Job } from './job.ts';
import { ListedLines } from './listed-lines.ts';
import { worktreeOf } from './prepare.ts';
import { PatchReview } from './redact-patch.ts';
import { strayNames } from './stray-files.ts';
import { walkTree } from './tree-walk.ts';

/** What was kept, as the result file lists it. */
export type KeptWork = Pick<TaskResult, 'patchBytes' | 'outputs' | 'leftOut' | 'redacted'>;

export const nothingKept: KeptWork = { patchBytes: 0, outputs: [], leftOut: [], redacted: [] };

const bytesPerMb = 1024 * 1024;
const passedOverBecause: Readonly<Record<PassedOver, string>> = {
  ignored: 'in the worktree, hidden by .gitignore',
  special: 'in the worktree, not a regular file',
  repository: 'in the worktree, the files of a repository of its own',
  state: "in the worktree, a folder for agora's own state",
  unreadable: 'in the worktree, it cannot be read',
};

/** Outputs, and why not all of them could be kept, where that is so. */
export interface CapturedOutputs {
  readonly kept: KeptWork;
  readonly endedBy: unknown;
}

/** Keeps the outputs of a subagent that has no process left. */
export async function captureOutputs({ place, spec, redactor }: Job, signal: AbortSignal): Promise<CapturedOutputs> {
  const { paths } = place;
  await openUp(paths.outputs);
  const kept = join(paths.out, outNames.outputs);
  rmSync(kept, { recursive: true, force: true });
  const maxBytes = spec.limits.diskMb * bytesPerMb;
  const { endedBy, ...copied } = await copyOutputs(paths.outputs, kept, { maxBytes, redactor, signal });
  return { kept: { ...nothingKept, ...copied }, endedBy };
}

/** A patch, and whether a secret would have had to be shown to make it whole. */
export interface CapturedPatch {
  readonly kept: KeptWork;
  /** The file that the patch does without, because of the secret that it held from the start. */
  readonly shownFromStart: string | undefined;
}

/** Keeps the patch of a subagent that has no process left. */
export async function captureWorktree(
  { place, spec, redactor }: Job,
  { signal, handed }: { readonly signal: AbortSignal; readonly handed: ReadonlySet<string> },
): Promise<CapturedPatch> {
  await openUp(place.paths.workspace);
  const review = new PatchReview(redactor);
  const passedOver = new ListedLines();
  const { sizeBytes } = await capturePatch(worktreeOf(place), join(place.paths.out, outNames.patch), {
    maxBytes: spec.limits.outputBytes,
    signal,
    review: redactor.isIdle ? undefined : review.review,
    onPassedOver: (path, why) => {
      passedOver.add(redactor.text(Buffer.from(path, 'latin1').toString('utf8')), passedOverBecause[why]);
    },
  });
  for (const name of strayNames(place.paths.workspace, handed)) {
    passedOver.add(redactor.text(name), 'in the worktree, in a folder that is no part of the work');
  }
  const leftOut = [...review.leftOut.all(), ...passedOver.all()];
  return {
    kept: { ...nothingKept, patchBytes: sizeBytes, leftOut, redacted: review.redacted.all() },
    shownFromStart: review.shownFromStart,
  };
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
