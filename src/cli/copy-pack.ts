import { createReadStream, type Stats } from 'node:fs';
import { lstat, readdir, readlink, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Pack } from 'tar-stream';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { streamTar } from '../base/tar-writer.ts';

export interface CopyPacking {
  /** Under which it goes; empty for what is in a folder. */
  readonly name: string;
  /** Where it will be unpacked. Default: the root. */
  readonly folder?: string;
  /** Whether what the path leads to is meant, and not a link. Default: false. */
  readonly isFolder?: boolean;
  /** Told of each that no tar holds or no engine takes, and why. */
  readonly onLeftOut?: (what: string) => void;
}

/** A tar of a file, or of a folder and all in it, under another name. Links go as links; all belongs to root then. */
export function packCopy(path: string, { isFolder = false, ...options }: CopyPacking): AsyncGenerator<Uint8Array> {
  const packing = { folder: '/', onLeftOut: () => undefined, ...options };
  return streamTar(async (tar) => addEntry(tar, path, packing, isFolder ? await stat(path) : await lstat(path)));
}

type Packing = Required<Omit<CopyPacking, 'isFolder'>>;

async function addEntry(tar: Pack, path: string, packing: Packing, found: Stats): Promise<void> {
  const { name, folder, onLeftOut } = packing;
  const header = { name, mtime: found.mtime, mode: found.mode & 0o777, uid: 0, gid: 0 };
  if (found.isDirectory()) {
    if (name !== '') tar.entry({ ...header, type: 'directory' });
    for (const child of await readdir(path)) {
      const place = join(path, child);
      const below = { ...packing, name: posix.join(name, child) };
      const there = await undefinedIfMissing(lstat(place));
      if (there === undefined) onLeftOut(`${below.name}: it went meanwhile`);
      else await addEntry(tar, place, below, there);
    }
  } else if (found.isSymbolicLink()) {
    const linkname = await readlink(path);
    if (leadsOutside(folder, name, linkname)) onLeftOut(`${name}: it leads outside, to ${linkname}`);
    else tar.entry({ ...header, type: 'symlink', linkname });
  } else if (found.isFile()) {
    await addFile(tar, path, { ...header, size: found.size });
  } else onLeftOut(`${name}: it is a ${specialKind(found)}`);
}

/** Docker takes nothing of a tar after a link that leads up and out of the folder that it is unpacked in. */
function leadsOutside(folder: string, name: string, linkname: string): boolean {
  if (linkname.startsWith('/')) return false;
  const within = folder.endsWith('/') ? folder : `${folder}/`;
  return !posix.join(folder, posix.dirname(name), linkname, '/').startsWith(within);
}

function specialKind(found: Stats): string {
  if (found.isSocket()) return 'socket';
  return found.isFIFO() ? 'fifo' : 'device';
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
