import { createWriteStream, readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { diskFullError } from '../base/atomic-file.ts';
import { type Abortable, baselineFiles, baselineTree, findAmong, indexFiles, type WorktreePaths } from './baseline.ts';
import { bytesOf, type FoundFiles, type PassedOver } from './files.ts';
import { gitStream } from './git.ts';
import { createRepository } from './git-environment.ts';
import { type ReviewFile, reviewChanges } from './review-changes.ts';

export interface CaptureOptions extends Abortable {
  readonly maxBytes: number;
  /** Decides about each changed file before its content becomes part of the patch. Default: all stay as they are. */
  readonly review?: ReviewFile | undefined;
  /** Told of what is there and not in the patch; paths are byte strings (latin1). */
  readonly onPassedOver?: (path: string, why: PassedOver) => void;
}

/** Files of a worktree that git itself opens. */
const rulesNames: ReadonlySet<string> = new Set(['.gitignore', '.gitattributes']);

/**
 * Writes what changed since the baseline as a patch that git applies exactly: text and binary, modes, links, new and
 * deleted files. New files that `.gitignore` hides are left out. `limit-exceeded` past `maxBytes`; nothing is kept.
 * In a worktree that nobody uses meanwhile: pipes with a name that git opens are removed.
 */
export async function capturePatch(
  paths: WorktreePaths,
  outFile: string,
  options: CaptureOptions,
): Promise<{ readonly sizeBytes: number }> {
  const { signal, onPassedOver } = options;
  const baseline = await baselineFiles(paths);
  if (baseline.size === 0) {
    if (readdirSync(paths.workTree).length === 0) return writeEmpty(outFile);
    await createRepository(paths.gitDir);
  }
  // Not at once: `write-tree` looks at files again, and would open the pipes that finding takes away.
  const onSpecial = (path: string) => removeRules(paths.workTree, path);
  const found = await findAmong(paths, baseline, { signal, onSpecial, ...(onPassedOver && { onPassedOver }) });
  if (baseline.size === 0 && found.files.size === 0) return writeEmpty(outFile);
  const tree = await baselineTree(paths, signal);
  const removed = [...baseline].filter((path) => !found.files.has(path) && !isUnreadable(found, path));
  await indexFiles(paths, removed, { signal, isRemoved: true });
  await indexFiles(paths, found.files, { signal });
  if (options.review) await reviewChanges(paths, { tree, review: options.review, signal });
  return writePatch(paths, { tree, outFile, ...options });
}

function writeEmpty(outFile: string): { readonly sizeBytes: number } {
  writeFileSync(outFile, '', { mode: 0o600 });
  return { sizeBytes: 0 };
}

// Git would open a pipe of this name and wait for a writer who never comes.
function removeRules(workTree: string, path: string): void {
  if (rulesNames.has(basename(path))) unlinkSync(bytesOf(workTree, path));
}

// What may not be read any more is taken as unchanged: its content is unknown, not gone.
function isUnreadable(found: FoundFiles, path: string): boolean {
  return found.unreadable.some((closed) => path === closed || path.startsWith(`${closed}/`));
}

interface PatchTarget extends CaptureOptions {
  /** Of the start. */
  readonly tree: string;
  readonly outFile: string;
}

const diffArguments = ['diff-index', '--cached', '-p', '--binary', '--full-index', '--no-renames', '--no-ext-diff'];

async function writePatch(paths: WorktreePaths, target: PatchTarget): Promise<{ readonly sizeBytes: number }> {
  const { tree, outFile, maxBytes, signal } = target;
  const diff = [...diffArguments, '--no-textconv', tree];
  const file = createWriteStream(outFile, { mode: 0o600 });
  try {
    await pipeline(gitStream(paths, diff, { maxBytes, ...(signal && { signal }) }), file);
    return { sizeBytes: file.bytesWritten };
  } catch (cause) {
    await rm(outFile, { force: true });
    throw diskFullError(outFile, cause) ?? cause;
  }
}
