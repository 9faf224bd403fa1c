import { closeSync, constants, fstatSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TreeEntry, walkTree } from './tree-walk.ts';

/** How much of the outputs is kept. */
export const outputLimits = {
  files: 256,
  fileBytes: 100 * 1024 * 1024,
  pathBytes: 1024,
  /** Of all paths together: the result file must stay small. */
  listBytes: 128 * 1024,
  leftOutLines: 64,
} as const;

const shownCharacters = 200;
const slash = Buffer.from('/');

export interface CopyOptions {
  /** How much the copied files may hold together. */
  readonly maxBytes: number;
  readonly maxFiles?: number;
}

export interface CopiedOutputs {
  readonly outputs: { path: string; sizeBytes: number }[];
  /** What stayed behind and why, one line each. */
  readonly leftOut: string[];
}

/**
 * Copies the regular files of a folder that nobody writes to any more, following no link. What does not fit the limits
 * or is something else is left out and listed.
 */
export async function copyOutputs(from: string, to: string, options: CopyOptions): Promise<CopiedOutputs> {
  mkdirSync(to, { recursive: true, mode: 0o700 });
  const copying = new Copying(to, { maxFiles: outputLimits.files, ...options });
  await walkTree(from, {
    visit: (entry) => {
      if (!entry.stats.isDirectory()) copying.take(entry);
      return true;
    },
  });
  return copying.result();
}

class Copying {
  readonly #target: string;
  readonly #limits: Required<CopyOptions>;
  readonly #outputs: { path: string; sizeBytes: number }[] = [];
  readonly #leftOut: string[] = [];
  #leftOutCount = 0;
  #totalBytes = 0;
  #listBytes = 0;

  constructor(target: string, limits: Required<CopyOptions>) {
    this.#target = target;
    this.#limits = limits;
  }

  take(entry: TreeEntry): void {
    const bytes = Buffer.concat(entry.path().flatMap((part, index) => (index === 0 ? [part] : [slash, part])));
    const path = bytes.toString('utf8');
    const reason = this.#objection(entry, bytes, path) ?? this.#copy(entry, path);
    if (reason !== undefined) this.#leave(path, reason);
  }

  result(): CopiedOutputs {
    const hidden = this.#leftOutCount - this.#leftOut.length;
    const more = hidden > 0 ? [`${hidden} more`] : [];
    const outputs = this.#outputs.sort((one, other) => (one.path < other.path ? -1 : 1));
    return { outputs, leftOut: [...this.#leftOut.sort(), ...more] };
  }

  #objection({ stats }: TreeEntry, bytes: Buffer, path: string): string | undefined {
    if (!stats.isFile()) return stats.isSymbolicLink() ? 'a link' : 'not a regular file';
    if (bytes.length > outputLimits.pathBytes) return `its path is longer than ${outputLimits.pathBytes} bytes`;
    if (!bytes.equals(Buffer.from(path))) return 'its name is not UTF-8';
    if (stats.size > outputLimits.fileBytes) return `larger than ${outputLimits.fileBytes} bytes`;
    if (this.#outputs.length >= this.#limits.maxFiles) return `more than ${this.#limits.maxFiles} files`;
    if (this.#totalBytes + Number(stats.size) > this.#limits.maxBytes) {
      return `all together larger than ${this.#limits.maxBytes} bytes`;
    }
    if (this.#listBytes + bytes.length > outputLimits.listBytes) return 'too many long paths';
    return undefined;
  }

  #copy(entry: TreeEntry, path: string): string | undefined {
    const source = openSync(entry.location, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stats = fstatSync(source);
      if (!stats.isFile()) return 'not a regular file';
      const target = join(this.#target, path);
      mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
      // Not copyFile: it also copies the mode, which the supervisor may not without CAP_FOWNER.
      const sizeBytes = copyBytes(source, target);
      this.#outputs.push({ path, sizeBytes });
      this.#totalBytes += sizeBytes;
      this.#listBytes += Buffer.byteLength(path);
      return undefined;
    } finally {
      closeSync(source);
    }
  }

  #leave(path: string, reason: string): void {
    this.#leftOutCount += 1;
    if (this.#leftOut.length >= outputLimits.leftOutLines) return;
    const shown = path.length > shownCharacters ? `${path.slice(0, shownCharacters)}…` : path;
    this.#leftOut.push(`${JSON.stringify(shown)}: ${reason}`);
  }
}

function copyBytes(source: number, target: string): number {
  const copy = openSync(target, 'wx', 0o600);
  const buffer = Buffer.alloc(256 * 1024);
  try {
    let copiedBytes = 0;
    for (let bytes = readSync(source, buffer); bytes > 0; bytes = readSync(source, buffer)) {
      for (let at = 0; at < bytes; ) at += writeSync(copy, buffer, at, bytes - at);
      copiedBytes += bytes;
    }
    return copiedBytes;
  } finally {
    closeSync(copy);
  }
}
