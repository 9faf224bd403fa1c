import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { type FindOptions, type FoundFiles, findFiles } from './files.ts';
import { git } from './git.ts';
import { createRepository } from './git-environment.ts';
import { IgnoreRules } from './ignore-rules.ts';

/** A worktree and the repository, outside of it, that remembers what it held at the start. */
export interface WorktreePaths {
  readonly gitDir: string;
  readonly workTree: string;
}

/** Git gets this signal too: with it every process that works for the caller ends. */
export interface Abortable {
  readonly signal?: AbortSignal | undefined;
}

export interface BaselineOptions extends Abortable {
  /** What was handed in, where something else worked in the worktree since: new files that `.gitignore` hides are not of the start. */
  readonly given?: ReadonlySet<string>;
}

const filesName = 'agora-baseline';
const treeName = 'agora-baseline-tree';

/**
 * Remembers every file of the worktree, handed-in ones that `.gitignore` hides included. Of an empty one nothing is
 * written: most tasks without files leave none either, and then need no repository.
 */
export async function createBaseline(paths: WorktreePaths, { given, signal }: BaselineOptions = {}): Promise<void> {
  if (given === undefined && readdirSync(paths.workTree).length === 0) return;
  if (given !== undefined) await createRepository(paths.gitDir);
  const finding = given === undefined ? listFiles(paths.workTree, signal) : findAmong(paths, given, { signal });
  const { files } = await finding;
  if (files.size === 0) return;
  await createRepository(paths.gitDir);
  await Promise.all([writeFile(join(paths.gitDir, filesName), joinPaths(files)), indexFiles(paths, files, { signal })]);
}

/** All files of a worktree, for `given`. */
export function listFiles(workTree: string, signal?: AbortSignal): Promise<FoundFiles> {
  return findFiles(workTree, signal && { signal });
}

/** The files that a baseline knows and the new ones that `.gitignore` does not hide. */
export async function findAmong(
  paths: WorktreePaths,
  known: ReadonlySet<string>,
  options: Abortable & Pick<FindOptions, 'onPassedOver'> & { readonly onSpecial?: (path: string) => void },
): Promise<FoundFiles> {
  const { signal, onPassedOver, onSpecial = () => {} } = options;
  const rules = new IgnoreRules(paths, signal);
  const keepNew = (names: readonly string[]) => rules.notIgnored(names);
  try {
    return await findFiles(paths.workTree, {
      known: { files: known, keepNew, onSpecial },
      ...(signal && { signal }),
      ...(onPassedOver && { onPassedOver }),
    });
  } finally {
    await rules.close();
  }
}

/** The files of the start. */
export async function baselineFiles({ gitDir }: WorktreePaths): Promise<ReadonlySet<string>> {
  const list = await undefinedIfMissing(readFile(join(gitDir, filesName)));
  return list === undefined ? new Set() : splitPaths(list);
}

/** The tree of the start; the index holds it afterwards, whatever an earlier capture left in it. */
export async function baselineTree(paths: WorktreePaths, signal: AbortSignal | undefined): Promise<string> {
  const file = join(paths.gitDir, treeName);
  const known = await undefinedIfMissing(readFile(file, 'latin1'));
  if (known !== undefined) {
    await git(paths, ['read-tree', known], signal && { signal });
    return known;
  }
  const tree = (await git(paths, ['write-tree'], signal && { signal })).stdout.toString('latin1').trim();
  await writeFile(file, tree);
  return tree;
}

// Git writes content over this threshold into one pack: a file per object costs ten times as much.
const intoPack = ['-c', 'core.bigFileThreshold=0'];

/** Brings files as they are now into the index, or takes them out. */
export async function indexFiles(
  paths: WorktreePaths,
  files: Iterable<string>,
  { signal, isRemoved = false }: Abortable & { readonly isRemoved?: boolean },
): Promise<void> {
  const input = joinPaths(files);
  if (input.length === 0) return;
  const flags = isRemoved ? ['--force-remove'] : ['--add', '--remove', '--replace'];
  await git(paths, [...intoPack, 'update-index', ...flags, '-z', '--stdin'], { input, ...(signal && { signal }) });
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
