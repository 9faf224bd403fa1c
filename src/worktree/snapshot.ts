import { constants, type Stats } from 'node:fs';
import { lstat, open, readlink, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import { limits } from '../contracts/names.ts';
import { listSource } from './source-files.ts';
import { type TarEntry, writeTar } from './tar-write.ts';

export interface SnapshotLimits {
  /** Default: 2 GiB. */
  readonly maxBytes?: number;
  /** Default: 200,000. */
  readonly maxFiles?: number;
  /** Keys that will be handed to workers as `inputs/<key>`; the directory must not hold them. Default: none. */
  readonly inputKeys?: readonly string[];
}

export interface Snapshot {
  /** Deterministic: the same files give the same bytes. Read once or more; each time reads the directory. */
  tar(): AsyncIterable<Uint8Array>;
  readonly fileCount: number;
  readonly sizeBytes: number;
  /** The directory's path within its repository, '' at its top; undefined outside of one. */
  readonly repositoryPrefix: string | undefined;
}

const defaults = { maxBytes: limits.sourceBytes, maxFiles: limits.sourceFiles, inputKeys: [] } satisfies SnapshotLimits;

/**
 * What a run starts from: the tracked and the untracked-not-ignored files of a directory, read without writing to it.
 * Links that leave it, trees over the limits and unreadable files raise `source-refused` naming the path.
 */
export async function snapshotDirectory(directory: string, options: SnapshotLimits = {}): Promise<Snapshot> {
  const complete = { ...defaults, ...options };
  const root = await rootOf(directory);
  const { paths, repository } = await listSource(root);
  refuseInputs(root, paths, complete.inputKeys);
  const files = await inspect(root, paths, complete);
  return {
    tar: () => writeTar(entriesOf(root, files)),
    fileCount: files.length,
    sizeBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
    repositoryPrefix: repository?.prefix.replace(/\/$/, ''),
  };
}

interface SourceFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Set for a link. */
  readonly target?: string;
}

async function rootOf(directory: string): Promise<string> {
  try {
    const root = await realpath(directory);
    if ((await lstat(root)).isDirectory()) return root;
  } catch (cause) {
    if (systemErrorCode(cause) !== 'ENOENT') throw refused(directory, 'it cannot be read', cause);
  }
  throw refused(directory, 'it is not a directory');
}

async function inspect(
  root: string,
  paths: readonly string[],
  { maxBytes, maxFiles }: { readonly maxBytes: number; readonly maxFiles: number },
): Promise<SourceFile[]> {
  if (paths.length > maxFiles) throw refused(root, `it holds ${paths.length} files, more than ${maxFiles}`);
  const files: SourceFile[] = [];
  let sizeBytes = 0;
  for (const path of paths.toSorted()) {
    const found = await statOf(join(root, path));
    if (found?.isSymbolicLink() === true) files.push(await inspectLink(root, path));
    if (found?.isFile() !== true) continue;
    sizeBytes += found.size;
    if (sizeBytes > maxBytes) throw refused(root, `it holds more than ${maxBytes} bytes, counted up to "${path}"`);
    files.push({ path, sizeBytes: found.size });
  }
  return files;
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw refused(path, 'it cannot be read', error);
  }
}

async function inspectLink(root: string, path: string): Promise<SourceFile> {
  const link = join(root, path);
  const target = await readlink(link);
  const isInside = !isAbsolute(target) && isBelow(root, resolve(dirname(link), target));
  // A link through other links may leave although its text does not.
  const real = await realpath(link).catch(() => undefined);
  if (!isInside || (real !== undefined && !isBelow(root, real))) {
    throw refused(link, `it is a link to "${target}", which leaves the source`);
  }
  return { path, sizeBytes: 0, target };
}

function isBelow(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== '..' && !way.startsWith('../') && !isAbsolute(way);
}

async function* entriesOf(root: string, files: readonly SourceFile[]): AsyncGenerator<TarEntry> {
  for (const { path, target } of files) {
    if (target !== undefined) yield { kind: 'link', path, target };
    else yield* fileEntry(root, path);
  }
}

async function* fileEntry(root: string, path: string): AsyncGenerator<TarEntry> {
  const file = await openFile(join(root, path));
  try {
    const { size, mode } = await file.stat();
    const content = file.createReadStream({ autoClose: false, start: 0, end: Math.max(size - 1, 0) });
    const exact = size === 0 ? nothing() : exactly(content, size, join(root, path));
    yield { kind: 'file', path, isExecutable: (mode & 0o100) !== 0, sizeBytes: size, content: exact };
  } finally {
    await file.close();
  }
}

async function openFile(path: string) {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (cause) {
    const isClosed = systemErrorCode(cause) === 'EACCES';
    throw refused(path, isClosed ? 'it may not be read' : 'it changed while it was read', cause);
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function* exactly(
  chunks: AsyncIterable<Uint8Array>,
  sizeBytes: number,
  path: string,
): AsyncGenerator<Uint8Array> {
  let readBytes = 0;
  for await (const chunk of chunks) {
    readBytes += chunk.length;
    yield chunk;
  }
  if (readBytes !== sizeBytes) throw refused(path, 'it changed while it was read');
}

function refuseInputs(root: string, paths: readonly string[], inputKeys: readonly string[]): void {
  for (const key of inputKeys) {
    const place = `inputs/${key}`;
    const taken = paths.find((path) => path === place || path === 'inputs' || path.startsWith(`${place}/`));
    if (taken !== undefined) {
      throw refused(join(root, taken), `the run hands a product to "${place}", where the source has one already`);
    }
  }
}

function refused(path: string, state: string, cause?: unknown): AppError {
  return new AppError('source-refused', `Cannot take the source "${path}": ${state}`, { cause });
}
