import { createWriteStream } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { diskFullError } from '../base/atomic-file.ts';
import { type FoundFiles, findFiles } from './files.ts';
import { git, gitStream } from './git.ts';
import { createRepository } from './git-environment.ts';
import { IgnoreRules } from './ignore-rules.ts';

/** A worktree and the repository, outside of it, that remembers what it held at the start. */
export interface WorktreePaths {
  readonly gitDir: string;
  readonly workTree: string;
}

const baselineName = 'agora-baseline';

/** Remembers every file of the worktree, those `.gitignore` hides included. */
export async function createBaseline(paths: WorktreePaths): Promise<void> {
  const [found] = await Promise.all([findFiles(paths.workTree), createRepository(paths.gitDir)]);
  await Promise.all([
    writeFile(join(paths.gitDir, baselineName), joinPaths(found.files)),
    updateIndex(paths, ['--add', '--remove', '--replace'], found.files),
  ]);
}

/**
 * Writes what changed since the baseline as a patch that git applies exactly: text and binary, modes, links, new and
 * deleted files. New files that `.gitignore` hides are left out. `limit-exceeded` past `maxBytes`; nothing is kept.
 * Once per baseline.
 */
export async function capturePatch(
  paths: WorktreePaths,
  outFile: string,
  maxBytes: number,
): Promise<{ readonly sizeBytes: number }> {
  const baseline = splitPaths(await readFile(join(paths.gitDir, baselineName)));
  const [baselineTree, found] = await Promise.all([writeTree(paths), findCurrent(paths, baseline)]);
  const removed = [...baseline].filter((path) => !found.files.has(path) && !isUnreadable(found, path));
  await updateIndex(paths, ['--force-remove'], removed);
  await updateIndex(paths, ['--add', '--remove', '--replace'], found.files);
  return writePatch(paths, { baselineTree, outFile, maxBytes });
}

async function findCurrent(paths: WorktreePaths, baseline: ReadonlySet<string>): Promise<FoundFiles> {
  const rules = new IgnoreRules(paths);
  try {
    return await findFiles(paths.workTree, { files: baseline, keepNew: (names) => rules.notIgnored(names) });
  } finally {
    await rules.close();
  }
}

// What may not be read any more is taken as unchanged: its content is unknown, not gone.
function isUnreadable(found: FoundFiles, path: string): boolean {
  return found.unreadable.some((closed) => path === closed || path.startsWith(`${closed}/`));
}

// Git writes content over this threshold into one pack: a file per object costs ten times as much.
const intoPack = ['-c', 'core.bigFileThreshold=0'];

async function updateIndex(paths: WorktreePaths, flags: readonly string[], files: Iterable<string>): Promise<void> {
  const input = joinPaths(files);
  if (input.length > 0) await git(paths, [...intoPack, 'update-index', ...flags, '-z', '--stdin'], { input });
}

async function writeTree(paths: WorktreePaths): Promise<string> {
  return (await git(paths, ['write-tree'])).stdout.toString('latin1').trim();
}

interface PatchTarget {
  readonly baselineTree: string;
  readonly outFile: string;
  readonly maxBytes: number;
}

const diffArguments = ['diff-index', '--cached', '-p', '--binary', '--full-index', '--no-renames', '--no-ext-diff'];

async function writePatch(paths: WorktreePaths, target: PatchTarget): Promise<{ readonly sizeBytes: number }> {
  const { baselineTree, outFile, maxBytes } = target;
  const file = createWriteStream(outFile, { mode: 0o600 });
  try {
    await pipeline(gitStream(paths, [...diffArguments, '--no-textconv', baselineTree], { maxBytes }), file);
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
