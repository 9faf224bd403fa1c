import { accessSync, constants } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { systemErrorCode } from '../contracts/errors.ts';
import { isGitName, isStateFolderName } from '../contracts/reserved-names.ts';

/** The folder at the top of a worktree that holds what was handed in. */
const inputsFolder = 'inputs';

export interface FoundFiles {
  /** Regular files and links, as byte strings (latin1) with `/`, in no order. */
  readonly files: ReadonlySet<string>;
  /** Files and folders that are there and may not be read. */
  readonly unreadable: readonly string[];
}

/** Chooses among new names of one folder; asked only about what `known` does not hold. */
export type KeepNew = (paths: readonly string[]) => Promise<ReadonlySet<string>>;

export interface KnownFiles {
  readonly files: ReadonlySet<string>;
  readonly keepNew: KeepNew;
  /** Told of each pipe, socket and device before anything is asked about its folder. */
  readonly onSpecial: (path: string) => void;
}

export interface FindOptions {
  readonly known?: KnownFiles;
  readonly signal?: AbortSignal;
}

/**
 * Finds the files of a worktree without following links and without regard to repositories nested in it, which git's
 * own walk would turn into one entry each. `.git` in any spelling, pipes, sockets and devices are passed over.
 */
export async function findFiles(workTree: string, { known, signal }: FindOptions = {}): Promise<FoundFiles> {
  const knownFolders = known === undefined ? undefined : foldersOf(known.files);
  const files = new Set<string>();
  const unreadable: string[] = [];
  const waiting = [''];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    signal?.throwIfAborted();
    const found = await readFolder(workTree, folder, unreadable);
    for (const path of found.special) known?.onSpecial(path);
    const isNew = (path: string) => known?.files.has(path) === false && knownFolders?.has(path) === false;
    const newPaths = [...found.files, ...found.folders].filter(isNew);
    const kept = known === undefined || newPaths.length === 0 ? undefined : await known.keepNew(newPaths);
    const isKept = (path: string) => kept === undefined || !isNew(path) || kept.has(path);
    for (const path of found.files) if (isKept(path)) files.add(path);
    for (const path of found.folders) if (isKept(path)) waiting.push(path);
  }
  return { files, unreadable };
}

interface Folder {
  readonly files: readonly string[];
  readonly folders: readonly string[];
  readonly special: readonly string[];
}

async function readFolder(workTree: string, folder: string, unreadable: string[]): Promise<Folder> {
  const files: string[] = [];
  const folders: string[] = [];
  const special: string[] = [];
  for (const entry of await entriesOf(workTree, folder, unreadable)) {
    if (isGitName(entry.name) || isStateFolderName(entry.name) || (folder === '' && entry.name === inputsFolder))
      continue;
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) folders.push(path);
    else if (entry.isSymbolicLink()) files.push(path);
    else if (entry.isFile()) (isReadable(workTree, path) ? files : unreadable).push(path);
    else special.push(path);
  }
  return { files, folders, special };
}

async function entriesOf(workTree: string, folder: string, unreadable: string[]) {
  try {
    return await readdir(bytesOf(workTree, folder), { withFileTypes: true, encoding: 'latin1' });
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'ENAMETOOLONG') throw error;
    unreadable.push(folder);
    return [];
  }
}

function isReadable(workTree: string, path: string): boolean {
  try {
    accessSync(bytesOf(workTree, path), constants.R_OK);
    return true;
  } catch {
    // Gone or closed to us: either way it cannot be captured.
    return false;
  }
}

/** The path of a file in a worktree as bytes, from its byte string. */
export function bytesOf(workTree: string, path: string): Buffer {
  return path === ''
    ? Buffer.from(workTree)
    : Buffer.concat([Buffer.from(`${workTree}/`), Buffer.from(path, 'latin1')]);
}

/** Every folder above any of the files. */
export function foldersOf(files: Iterable<string>): Set<string> {
  const folders = new Set<string>();
  for (const file of files) {
    for (let end = file.lastIndexOf('/'); end > 0; end = file.lastIndexOf('/', end - 1)) {
      const folder = file.slice(0, end);
      if (folders.has(folder)) break;
      folders.add(folder);
    }
  }
  return folders;
}
