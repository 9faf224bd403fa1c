import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, link, lstat, mkdir, open, rename, rm, stat, symlink, utimes } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import type { Header } from 'tar-stream';
import { isPlainPath } from '../base/file-pack.ts';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { AppError } from '../contracts/errors.ts';
import type { CopyDestination } from './copy-place.ts';

/** One of a tar. */
export interface TarEntry {
  readonly header: Header;
  readonly content: AsyncIterable<Uint8Array>;
}

/**
 * Puts what a workspace sent under a folder of this machine, through no link and nowhere else; a file takes the place of another once
 * it is whole, and what was not there before is there at once. What is left out, and why.
 */
export async function unpackCopy(
  entries: AsyncIterable<TarEntry>,
  { folder, name }: CopyDestination,
): Promise<string[]> {
  const isThere = (await undefinedIfMissing(stat(folder)))?.isDirectory() === true;
  if (!isThere) throw new AppError('not-found', `Cannot copy into "${folder}": there is no such folder`);
  const isNew = name !== '' && (await undefinedIfMissing(lstat(join(folder, name)))) === undefined;
  const top = isNew ? unfinishedName() : name;
  const unpacking = new CopyUnpacking(join(folder, top));
  try {
    for await (const { header, content } of entries) await unpacking.add(header, content);
    await unpacking.finish();
    if (isNew && unpacking.leftOut.length === 0) await rename(join(folder, top), join(folder, name));
    // What was left out may be all there was.
    else if (isNew) await undefinedIfMissing(rename(join(folder, top), join(folder, name)));
    return unpacking.leftOut;
  } finally {
    if (isNew) await rm(join(folder, top), { recursive: true, force: true });
  }
}

/** Short, as what it will be called may be as long as a name can. */
function unfinishedName(): string {
  return `.agora-${randomBytes(6).toString('hex')}`;
}

interface LateEntry {
  readonly path: string;
  readonly header: Header;
}

class CopyUnpacking {
  readonly leftOut: string[] = [];
  readonly #root: string;
  #top: string | undefined;
  /** Files that were written here: only to those a second name is given. */
  readonly #written = new Set<string>();
  /** Made last: nothing is written through one. */
  readonly #links: LateEntry[] = [];
  /** Whose modes may keep anything from being written. */
  readonly #folders: LateEntry[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  async add(header: Header, content: AsyncIterable<Uint8Array>): Promise<void> {
    const path = this.#below(header.name);
    const { type } = header;
    if (type === 'directory') {
      const isNew = await this.#makeFolder(path === '' ? '.' : path);
      if (isNew) this.#folders.push({ path, header });
      return;
    }
    if (path !== '') await this.#makeFolder(posix.dirname(path));
    if (type === 'file' || type === 'contiguous-file') await this.#writeFile(path, header, content);
    else if (type === 'symlink') this.#links.push({ path, header });
    else if (type === 'link') await this.#linkFile(path, header);
    else this.leftOut.push(`${header.name}: it is a ${type}`);
  }

  async finish(): Promise<void> {
    for (const { path, header } of this.#links) await this.#makeLink(path, header);
    // Those within others first.
    for (const { path, header } of this.#folders.reverse()) {
      const place = join(this.#root, path);
      if (header.mtime !== undefined) await utimes(place, header.mtime, header.mtime);
      await chmod(place, (header.mode ?? 0o755) & 0o777);
    }
  }

  /** An engine puts what it was asked for under its own name, which comes first; that here may be another. */
  #below(name: string): string {
    const path = plainPath(name);
    this.#top ??= path;
    if (path === this.#top) return '';
    if (this.#top === '') return path;
    if (path.startsWith(`${this.#top}/`)) return path.slice(this.#top.length + 1);
    throw new AppError('refused', `Cannot copy "${name}": it is not in "${this.#top}"`);
  }

  /** Whether it was not there before. */
  async #makeFolder(path: string): Promise<boolean> {
    let isNew = false;
    const parts = path === '.' ? [] : path.split('/');
    for (let depth = 0; depth <= parts.length; depth += 1) {
      const place = join(this.#root, ...parts.slice(0, depth));
      const found = await undefinedIfMissing(lstat(place));
      isNew = found === undefined;
      if (isNew) await mkdir(place, 0o700);
      // What the person named may be a link to a folder; below it none is gone through.
      else if (!found?.isDirectory() && !(depth === 0 && found?.isSymbolicLink()))
        throw new AppError('refused', `Cannot copy into "${place}": it is no folder`);
    }
    return isNew;
  }

  async #writeFile(path: string, { mode = 0o644, mtime }: Header, content: AsyncIterable<Uint8Array>): Promise<void> {
    const place = join(this.#root, path);
    const unfinished = join(dirname(place), unfinishedName());
    try {
      await using file = await open(unfinished, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
      for await (const chunk of content) await file.appendFile(chunk);
      await file.chmod(mode & 0o777);
      if (mtime !== undefined) await file.utimes(mtime, mtime);
      await this.#expectReplaceable(place);
      await rename(unfinished, place);
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
    this.#written.add(path);
  }

  async #linkFile(path: string, { name, linkname }: Header): Promise<void> {
    const known = this.#below(linkname ?? '');
    if (!this.#written.has(known)) {
      this.leftOut.push(`${name}: it is another name of what is not copied`);
      return;
    }
    const place = join(this.#root, path);
    await this.#expectReplaceable(place);
    await rm(place, { force: true });
    await link(join(this.#root, known), place);
    this.#written.add(path);
  }

  async #makeLink(path: string, { name, linkname }: Header): Promise<void> {
    const target = linkname ?? '';
    const problem = linkProblem(path, target);
    if (problem !== undefined) {
      this.leftOut.push(`${name}: ${problem}, to ${target}`);
      return;
    }
    const place = join(this.#root, path);
    await this.#expectReplaceable(place);
    await rm(place, { force: true });
    await symlink(target, place);
  }

  /** A device of this machine gives way to nothing either: it would be gone for everybody. */
  async #expectReplaceable(place: string): Promise<void> {
    const found = await undefinedIfMissing(lstat(place));
    if (found === undefined || found.isFile() || found.isSymbolicLink()) return;
    const what = found.isDirectory() ? 'a folder' : 'neither a file nor a link';
    throw new AppError('refused', `Cannot copy to "${place}": it is ${what}`);
  }
}

/**
 * Why a link is left out; undefined where it stays inside, whatever the links on its way are. After a name, `..` counts from where that
 * leads, which may be another link.
 */
function linkProblem(path: string, linkname: string): string | undefined {
  const target = posix.join(posix.dirname(path), linkname);
  if (linkname === '' || linkname.startsWith('/') || target === '..' || target.startsWith('../'))
    return 'it leads outside';
  const down = linkname.replace(/^(?:\.{0,2}\/)+/, '');
  return down !== '..' && down.split('/').includes('..') ? 'it may lead outside' : undefined;
}

/** As a path, without what is at its ends; empty for a root. */
function plainPath(name: string): string {
  const path = name.replace(/^(?:\.?\/)+/, '').replace(/\/+$/, '');
  if (path === '' || isPlainPath(path)) return path;
  throw new AppError('refused', `Cannot copy "${name}": its path leads outside`);
}
