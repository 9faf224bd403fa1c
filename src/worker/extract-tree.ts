import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Header } from 'tar-stream';
import { AppError } from '../contracts/errors.ts';
import { limits } from '../contracts/names.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface ExtractOptions {
  /** Refuse with `limit-exceeded` when the files hold more. */
  readonly maxBytes: number;
  /** Refuse with `source-refused` when there are more files, or more folders. Default: as many as a source may hold. */
  readonly maxEntries?: number;
  readonly signal?: AbortSignal;
  /** Who gets the files. Default: the writer. */
  readonly owner?: Owner;
  /**
   * The folder holds files already, and those of the tar take their places. What is no folder gives way to one; a file in
   * place of a folder raises `source-refused`. Default: false.
   */
  readonly replaces?: boolean;
}

interface Link {
  readonly path: string;
  readonly target: string;
}

/**
 * Writes a tar of files, folders and links into a folder that nobody else writes to, through no link. Links are made after
 * everything else, so that no path is ever written through one. Anything else in it raises `invalid-input`.
 */
export async function extractTree(tar: Readable, folder: string, options: ExtractOptions): Promise<void> {
  // Loaded here: a task without files is over before it is.
  const { extract } = await import('tar-stream');
  const writer = new TreeWriter(folder, options);
  const entries = extract();
  const failed = Promise.withResolvers<never>();
  let added: Promise<void> = Promise.resolve();
  entries.on('entry', (header, content, next) => {
    // As a stream of Node's own: giving up on tar-stream's in the middle of an entry waits for ever.
    added = writer.add(header, Readable.from(content)).then(() => {
      // What was not read of it, so that the next one comes.
      content.resume();
      next();
    });
    added.catch(failed.reject);
  });
  const over = new AbortController();
  const signal = options.signal ? AbortSignal.any([over.signal, options.signal]) : over.signal;
  // A streamx stream: it works as Node's, its type does not say so.
  const read = pipeline(tar, entries as unknown as NodeJS.WritableStream, { signal });
  try {
    await Promise.race([read.then(() => added), failed.promise]);
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error;
  } finally {
    // Closes the source also where an entry was refused.
    over.abort();
    read.catch(() => {}); // Told above, or only that it was aborted.
  }
  writer.linkAll();
}

class TreeWriter {
  readonly #folder: string;
  readonly #options: ExtractOptions;
  readonly #folders = new Set<string>(['']);
  readonly #links: Link[] = [];
  #writtenBytes = 0;
  #files = 0;

  constructor(folder: string, options: ExtractOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  async add({ name, type, mode, linkname }: Header, content: AsyncIterable<Buffer>): Promise<void> {
    const parts = safeParts(name);
    const path = parts.join('/');
    if (type !== 'directory') this.#files += 1;
    this.#count(this.#files);
    if (type === 'directory') this.#makeFolders(parts);
    else if (type === 'file' || type === 'contiguous-file') {
      this.#makeFolders(parts.slice(0, -1));
      await this.#writeFile(path, mode, content);
    } else if (type === 'symlink' && linkname) {
      this.#makeFolders(parts.slice(0, -1));
      this.#links.push({ path, target: linkname });
    } else throw new AppError('invalid-input', `Cannot lay out "${path}": it is a ${type}`);
  }

  linkAll(): void {
    for (const { path, target } of this.#links) {
      // Every parent was made as a real folder before the first link, and a name is never taken twice.
      this.#clear(path);
      symlinkSync(target, join(this.#folder, path));
      this.#own(path);
    }
  }

  #makeFolders(parts: readonly string[]): void {
    for (let depth = 1; depth <= parts.length; depth += 1) {
      const path = parts.slice(0, depth).join('/');
      if (this.#folders.has(path)) continue;
      if (!this.#isFolder(path)) {
        mkdirSync(join(this.#folder, path), 0o755);
        this.#own(path);
      }
      this.#folders.add(path);
      this.#count(this.#folders.size);
    }
  }

  async #writeFile(path: string, mode: number, content: AsyncIterable<Buffer>): Promise<void> {
    const full = join(this.#folder, path);
    this.#clear(path);
    const file = openSync(
      full,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    try {
      for await (const chunk of content) {
        this.#writtenBytes += chunk.length;
        if (this.#writtenBytes > this.#options.maxBytes) {
          throw new AppError(
            'limit-exceeded',
            `Cannot lay out the worktree: more than ${this.#options.maxBytes} bytes`,
          );
        }
        for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
      }
    } finally {
      closeSync(file);
    }
    // The mode before the owner: without CAP_FOWNER only the owner may change it.
    chmodSync(full, (mode & 0o777) | 0o600);
    if (this.#options.owner) chownSync(full, this.#options.owner.uid, this.#options.owner.gid);
  }

  /** Whether a folder is there; something else that it may replace is taken away. */
  #isFolder(path: string): boolean {
    const found = this.#options.replaces ? lstatSync(join(this.#folder, path), { throwIfNoEntry: false }) : undefined;
    if (found?.isDirectory()) return true;
    if (found) unlinkSync(join(this.#folder, path));
    return false;
  }

  #clear(path: string): void {
    if (this.#isFolder(path)) throw new AppError('source-refused', `Cannot lay out "${path}": it is a folder there`);
  }

  #count(entries: number): void {
    const most = this.#options.maxEntries ?? limits.sourceFiles;
    if (entries > most) throw new AppError('source-refused', `Cannot lay out the worktree: more than ${most} files`);
  }

  #own(path: string): void {
    const { owner } = this.#options;
    if (owner) lchownSync(join(this.#folder, path), owner.uid, owner.gid);
  }
}

function safeParts(name: string): string[] {
  const parts = name
    .replace(/\/+$/, '')
    .split('/')
    .filter((part) => part !== '.');
  const isUnsafe = name.startsWith('/') || parts.some((part) => part === '' || part === '..' || part.includes('\0'));
  if (isUnsafe) throw new AppError('invalid-input', `Cannot lay out "${name}": its path leaves the worktree`);
  return parts;
}
