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

/** Why something that is there is not among the files of a worktree. */
export type PassedOver = 'ignored' | 'special' | 'repository' | 'state' | 'unreadable';

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
  /** Told of everything that is passed over but the inputs and the state folder at the top, which are nobody's work. */
  readonly onPassedOver?: (path: string, why: PassedOver) => void;
}

/**
 * Finds the files of a worktree without following links and without regard to repositories nested in it, which git's
 * own walk would turn into one entry each. `.git` in any spelling, pipes, sockets and devices are passed over.
 */
export async function findFiles(workTree: string, options: FindOptions = {}): Promise<FoundFiles> {
  const { known, signal, onPassedOver = () => {} } = options;
  const knownFolders = known === undefined ? undefined : foldersOf(known.files);
  const files = new Set<string>();
  const unreadable: string[] = [];
  const waiting = [''];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    signal?.throwIfAborted();
    const found = await readFolder(workTree, folder, onPassedOver);
    unreadable.push(...found.unreadable);
    for (const path of found.special) known?.onSpecial(path);
    const isNew = (path: string) => known?.files.has(path) === false && knownFolders?.has(path) === false;
    const newPaths = [...found.files, ...found.folders].filter(isNew);
    const kept = known === undefined || newPaths.length === 0 ? undefined : await known.keepNew(newPaths);
    const isKept = (path: string) => kept === undefined || !isNew(path) || kept.has(path);
    for (const path of newPaths) if (!isKept(path)) onPassedOver(path, 'ignored');
    for (const path of found.files) if (isKept(path)) files.add(path);
    for (const path of found.folders) if (isKept(path)) waiting.push(path);
  }
  return { files, unreadable };
}

interface Folder {
  readonly files: readonly string[];
  readonly folders: readonly string[];
  readonly special: readonly string[];
  readonly unreadable: readonly string[];
}

async function readFolder(
  workTree: string,
  folder: string,
  onPassedOver: (path: string, why: PassedOver) => void,
): Promise<Folder> {
  const found = { files: [] as string[], folders: [] as string[], special: [] as string[], unreadable: [] as string[] };
  const passOver = (path: string, why: 'special' | 'unreadable') => {
    found[why].push(path);
    onPassedOver(path, why);
  };
  const entries = await entriesOf(workTree, folder);
  if (entries === undefined) passOver(folder, 'unreadable');
  for (const entry of entries ?? []) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (isGitName(entry.name)) onPassedOver(path, 'repository');
    else if (isStateFolderName(entry.name)) {
      if (folder !== '') onPassedOver(path, 'state');
    } else if (path === inputsFolder) continue;
    else if (entry.isDirectory()) found.folders.push(path);
    else if (entry.isSymbolicLink()) found.files.push(path);
    else if (!entry.isFile()) passOver(path, 'special');
    else if (isReadable(workTree, path)) found.files.push(path);
    else passOver(path, 'unreadable');
  }
  return found;
}

/** Undefined when it may not be read. */
async function entriesOf(workTree: string, folder: string) {
  try {
    return await readdir(bytesOf(workTree, folder), { withFileTypes: true, encoding: 'latin1' });
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'ENAMETOOLONG') throw error;
    return undefined;
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
function foldersOf(files: Iterable<string>): Set<string> {
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
