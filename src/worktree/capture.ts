import { createWriteStream, unlinkSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { diskFullError } from '../base/atomic-file.ts';
import { bytesOf, type FoundFiles, findFiles } from './files.ts';
import { git, gitStream } from './git.ts';
import { createRepository } from './git-environment.ts';
import { IgnoreRules } from './ignore-rules.ts';

/** A worktree and the repository, outside of it, that remembers what it held at the start. */
export interface WorktreePaths {
  readonly gitDir: string;
  readonly workTree: string;
}

/** Git gets this signal too: with it every process of a capture ends. */
interface Abortable {
  readonly signal?: AbortSignal | undefined;
}

export interface CaptureOptions extends Abortable {
  readonly maxBytes: number;
}

const baselineName = 'agora-baseline';
/** Files of a worktree that git itself opens. */
const rulesNames: ReadonlySet<string> = new Set(['.gitignore', '.gitattributes']);

/** Remembers every file of the worktree, those `.gitignore` hides included. */
export async function createBaseline(paths: WorktreePaths, signal?: AbortSignal): Promise<void> {
  const finding = findFiles(paths.workTree, signal && { signal });
  const [found] = await Promise.all([finding, createRepository(paths.gitDir)]);
  await Promise.all([
    writeFile(join(paths.gitDir, baselineName), joinPaths(found.files)),
    updateIndex(paths, found.files, { flags: ['--add', '--remove', '--replace'], signal }),
  ]);
}

/**
 * Writes what changed since the baseline as a patch that git applies exactly: text and binary, modes, links, new and
 * deleted files. New files that `.gitignore` hides are left out. `limit-exceeded` past `maxBytes`; nothing is kept.
 * Once per baseline, in a worktree that nobody uses any more: pipes with a name that git opens are removed.
 */
export async function capturePatch(
  paths: WorktreePaths,
  outFile: string,
  options: CaptureOptions,
): Promise<{ readonly sizeBytes: number }> {
  const { signal } = options;
  const baseline = splitPaths(await readFile(join(paths.gitDir, baselineName)));
  // Not at once: `write-tree` looks at files again, and would open the pipes that finding takes away.
  const found = await findCurrent(paths, baseline, signal);
  const baselineTree = await writeTree(paths, signal);
  const removed = [...baseline].filter((path) => !found.files.has(path) && !isUnreadable(found, path));
  await updateIndex(paths, removed, { flags: ['--force-remove'], signal });
  await updateIndex(paths, found.files, { flags: ['--add', '--remove', '--replace'], signal });
  return writePatch(paths, { baselineTree, outFile, ...options });
}

async function findCurrent(
  paths: WorktreePaths,
  baseline: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): Promise<FoundFiles> {
  const rules = new IgnoreRules(paths, signal);
  const known = {
    files: baseline,
    keepNew: (names: readonly string[]) => rules.notIgnored(names),
    onSpecial: (path: string) => removeRules(paths.workTree, path),
  };
  try {
    return await findFiles(paths.workTree, { known, ...(signal && { signal }) });
  } finally {
    await rules.close();
  }
}

// Git would open a pipe of this name and wait for a writer who never comes.
function removeRules(workTree: string, path: string): void {
  if (rulesNames.has(basename(path))) unlinkSync(bytesOf(workTree, path));
}

// What may not be read any more is taken as unchanged: its content is unknown, not gone.
function isUnreadable(found: FoundFiles, path: string): boolean {
  return found.unreadable.some((closed) => path === closed || path.startsWith(`${closed}/`));
}

// Git writes content over this threshold into one pack: a file per object costs ten times as much.
const intoPack = ['-c', 'core.bigFileThreshold=0'];

async function updateIndex(
  paths: WorktreePaths,
  files: Iterable<string>,
  { flags, signal }: Abortable & { readonly flags: readonly string[] },
): Promise<void> {
  const input = joinPaths(files);
  if (input.length === 0) return;
  await git(paths, [...intoPack, 'update-index', ...flags, '-z', '--stdin'], { input, ...(signal && { signal }) });
}

async function writeTree(paths: WorktreePaths, signal: AbortSignal | undefined): Promise<string> {
  return (await git(paths, ['write-tree'], signal && { signal })).stdout.toString('latin1').trim();
}

interface PatchTarget extends CaptureOptions {
  readonly baselineTree: string;
  readonly outFile: string;
}

const diffArguments = ['diff-index', '--cached', '-p', '--binary', '--full-index', '--no-renames', '--no-ext-diff'];

async function writePatch(paths: WorktreePaths, target: PatchTarget): Promise<{ readonly sizeBytes: number }> {
  const { baselineTree, outFile, maxBytes, signal } = target;
  const diff = [...diffArguments, '--no-textconv', baselineTree];
  const file = createWriteStream(outFile, { mode: 0o600 });
  try {
    await pipeline(gitStream(paths, diff, { maxBytes, ...(signal && { signal }) }), file);
    return { sizeBytes: file.bytesWritten };
  } catch (cause) {
    await rm(outFile, { force: true });
    throw diskFullError(outFile, cause) ?? cause;
  }
}

function joinPaths(paths: Iterable<string>): Buffer {
  let text = '';
  for (const path of paths) text += `${path}\0`;
  return Buffer.from(text, 'latin1');
}

function splitPaths(bytes: Buffer): Set<string> {
  const paths = bytes.toString('latin1').split('\0');
  paths.pop();
  return new Set(paths);
}
