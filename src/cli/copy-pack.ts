import { createReadStream, type Stats } from 'node:fs';
import { lstat, readdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Pack } from 'tar-stream';
import { streamTar } from '../base/tar-writer.ts';
import { AppError } from '../contracts/errors.ts';

/**
 * A tar of a file, or of a folder and all in it, under another name; without a name what is in the folder. Links go as links, the path
 * itself only where `isFolder` does not say that what it leads to is meant. All belongs to root then.
 */
export function packCopy(path: string, name: string, isFolder = false): AsyncGenerator<Uint8Array> {
  return streamTar(async (tar) => addEntry(tar, path, name, isFolder ? await stat(path) : await lstat(path)));
}

async function addEntry(tar: Pack, path: string, name: string, found: Stats): Promise<void> {
  const { mtime } = found;
  const header = { name, mtime, mode: found.mode & 0o777, uid: 0, gid: 0 };
  if (found.isDirectory()) {
    if (name !== '') tar.entry({ ...header, type: 'directory' });
    for (const child of await readdir(path)) {
      const place = join(path, child);
      await addEntry(tar, place, name === '' ? child : `${name}/${child}`, await lstat(place));
    }
  } else if (found.isSymbolicLink()) {
    tar.entry({ ...header, type: 'symlink', linkname: await readlink(path) });
  } else if (found.isFile()) {
    await addFile(tar, path, { ...header, size: found.size });
  } else throw new AppError('refused', `Cannot copy "${path}": it is neither a file, a folder nor a link`);
}

/** No more than was there at first: one that grows meanwhile is copied as it was, one that shrinks fails. */
async function addFile(
  tar: Pack,
  path: string,
  header: { readonly name: string; readonly size: number },
): Promise<void> {
  if (header.size === 0) {
    tar.entry(header, '');
    return;
  }
  // A streamx stream: it works as Node's, its type does not say so.
  const entry = tar.entry(header) as unknown as NodeJS.WritableStream;
  await pipeline(createReadStream(path, { end: header.size - 1 }), entry);
}
