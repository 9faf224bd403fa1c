import { type FileHandle, link, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { AppError, systemErrorCode } from '../contracts/errors.ts';

export interface AtomicWriteOptions {
  /** Permissions of the file. Default: 0o600. */
  readonly mode?: number;
  /** Wait until the file would survive a power cut. Default: true. */
  readonly durable?: boolean;
  /** An existing folder for the unfinished file, in the same file system. Default: the file's own. */
  readonly temporaryFolder?: string;
}

const defaults = { mode: 0o600, durable: true } satisfies AtomicWriteOptions;

/** Replaces `path` whole: a reader sees the old bytes or the new ones, whatever crashes. */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array,
  options: AtomicWriteOptions = {},
): Promise<void> {
  const { mode, durable } = { ...defaults, ...options };
  const temporary = temporaryPath(path, options.temporaryFolder);
  try {
    await writeWhole(temporary, content, mode, durable);
    await rename(temporary, path);
    if (durable) await syncFolder(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true });
    throw diskFullError(path, cause) ?? cause;
  }
}

/**
 * Makes `path` with this content unless it is there already; of several at once, the first wins and all find it whole.
 * Returns whether this one made it.
 */
export async function createFileAtomically(
  path: string,
  content: string | Uint8Array,
  options: AtomicWriteOptions = {},
): Promise<boolean> {
  const { mode, durable } = { ...defaults, ...options };
  const temporary = temporaryPath(path, options.temporaryFolder);
  try {
    await writeWhole(temporary, content, mode, durable);
    // Linking a finished file never replaces another and never shows half of one.
    await link(temporary, path);
    if (durable) await syncFolder(dirname(path));
    return true;
  } catch (cause) {
    if (systemErrorCode(cause) !== 'EEXIST') throw diskFullError(path, cause) ?? cause;
    return false;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** A path no one else uses, hidden beside `path` or in `folder`. */
export function temporaryPath(path: string, folder: string = dirname(path)): string {
  // Loaded here: a worker starts without it.
  const { randomBytes } = process.getBuiltinModule('node:crypto');
  return join(folder, `.${basename(path).slice(0, 200)}.${randomBytes(9).toString('hex')}.tmp`);
}

/** Makes the entries of a folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await closing(handle, () => handle.sync());
}

export interface FolderOptions {
  /** Wait until new folders would survive a power cut. Default: false. */
  readonly durable?: boolean;
}

/** Makes a folder for its owner only, and those above it; fine if it is there. */
export async function makePrivateFolder(path: string, { durable = false }: FolderOptions = {}): Promise<void> {
  const folder = resolve(path);
  try {
    const firstMade = await makeFolders(folder);
    if (durable && firstMade !== undefined) await syncAbove(dirname(folder), dirname(firstMade));
  } catch (cause) {
    throw diskFullError(folder, cause) ?? cause;
  }
}

/**
 * Gives the topmost folder that it made. Not Node's recursive `mkdir`, which never ends where a folder that is there takes no
 * new ones, as those of `/proc`.
 */
async function makeFolders(folder: string): Promise<string | undefined> {
  try {
    return await makeFolder(folder);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    const firstMade = await makeFolders(dirname(folder));
    const made = await makeFolder(folder);
    return firstMade ?? made;
  }
}

async function makeFolder(folder: string): Promise<string | undefined> {
  try {
    await mkdir(folder, { mode: 0o700 });
    return folder;
  } catch (error) {
    const isFolder = systemErrorCode(error) === 'EEXIST' && (await stat(folder)).isDirectory();
    if (!isFolder) throw error;
    return undefined;
  }
}

/** A `disk-full` error naming the path when that is why writing failed, else undefined. */
export function diskFullError(path: string, cause: unknown): AppError | undefined {
  const code = systemErrorCode(cause);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return undefined;
  return new AppError('disk-full', `Cannot write "${path}": no space left on its disk`, {
    cause,
    next: `Free space on the disk that holds ${dirname(path)} and try again.`,
  });
}

// Upward from the innermost new entry to the folder that was there before.
async function syncAbove(folder: string, top: string): Promise<void> {
  for (let path = folder; path.length >= top.length; path = dirname(path)) {
    await syncFolder(path);
    if (path === dirname(path)) return;
  }
}

async function writeWhole(path: string, content: string | Uint8Array, mode: number, durable: boolean): Promise<void> {
  const handle = await open(path, 'wx', mode);
  await closing(handle, async () => {
    await handle.writeFile(content);
    if (durable) await handle.sync();
  });
}

async function closing(handle: FileHandle, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } finally {
    await handle.close();
  }
}
