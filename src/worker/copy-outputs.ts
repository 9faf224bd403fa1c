import { closeSync, constants, fstatSync, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Redactor } from '../base/redact.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { ListedLines } from './listed-lines.ts';
import { type TreeEntry, walkTree } from './tree-walk.ts';

/** How much of the outputs is kept. */
export const outputLimits = {
  files: 256,
  fileBytes: 100 * 1024 * 1024,
  pathBytes: 1024,
  /** Of all paths together: the result file must stay small. */
  listBytes: 128 * 1024,
} as const;

const slash = Buffer.from('/');
const endedBefore = 'the copying ended before it was done';

export interface CopyOptions {
  /** How much the copied files may hold together. */
  readonly maxBytes: number;
  readonly maxFiles?: number;
  /** Blacks out secrets in what is copied; a file whose name holds one stays behind. */
  readonly redactor: Redactor;
  /** Ends the copying between two pieces of a file; what is whole by then stays. */
  readonly signal?: AbortSignal;
}

export interface CopiedOutputs {
  readonly outputs: { path: string; sizeBytes: number }[];
  /** What stayed behind and why, one line each. */
  readonly leftOut: string[];
  /** Files in which a secret was blacked out. */
  readonly redacted: string[];
  /** Set when the copying ended before all were copied: the signal's reason, or the disk's. */
  readonly endedBy?: unknown;
}

/**
 * Copies the regular files of a folder that nobody writes to any more, following no link. What does not fit the limits
 * or is something else is left out and listed.
 */
export async function copyOutputs(from: string, to: string, options: CopyOptions): Promise<CopiedOutputs> {
  mkdirSync(to, { recursive: true, mode: 0o700 });
  const copying = new Copying(to, { maxFiles: outputLimits.files, ...options });
  try {
    await walkTree(from, {
      visit: (entry) => {
        if (!entry.stats.isDirectory()) copying.choose(entry);
        return true;
      },
    });
    await copying.copyAll();
    return copying.result();
  } finally {
    copying.close();
  }
}

interface Chosen {
  readonly path: string;
  /** Open: only during the walk a file can be reached whatever its depth. */
  readonly source: number;
}

type Limits = CopyOptions & { readonly maxFiles: number };

class Copying {
  readonly #target: string;
  readonly #limits: Limits;
  readonly #chosen: Chosen[] = [];
  readonly #outputs: { path: string; sizeBytes: number }[] = [];
  readonly #leftOut = new ListedLines();
  readonly #redacted = new ListedLines();
  #totalBytes = 0;
  #writtenBytes = 0;
  #listBytes = 0;
  #endedBy: unknown;

  constructor(target: string, limits: Limits) {
    this.#target = target;
    this.#limits = limits;
  }

  choose(entry: TreeEntry): void {
    const bytes = Buffer.concat(entry.path().flatMap((part, index) => (index === 0 ? [part] : [slash, part])));
    const path = bytes.toString('utf8');
    const reason = this.#objection(entry, bytes, path) ?? this.#open(entry, path);
    if (reason !== undefined) this.#leftOut.add(this.#limits.redactor.text(path), reason);
  }

  async copyAll(): Promise<void> {
    for (const chosen of this.#chosen) {
      if (this.#endedBy === undefined) await this.#copy(chosen);
      else this.#leftOut.add(chosen.path, endedBefore);
    }
  }

  result(): CopiedOutputs {
    const outputs = this.#outputs.sort((one, other) => (one.path < other.path ? -1 : 1));
    const ended = this.#endedBy === undefined ? {} : { endedBy: this.#endedBy };
    return { outputs, leftOut: this.#leftOut.all(), redacted: this.#redacted.all(), ...ended };
  }

  close(): void {
    for (const { source } of this.#chosen) closeSync(source);
  }

  #objection({ stats }: TreeEntry, bytes: Buffer, path: string): string | undefined {
    if (!stats.isFile()) return stats.isSymbolicLink() ? 'a link' : 'not a regular file';
    if (bytes.length > outputLimits.pathBytes) return `its path is longer than ${outputLimits.pathBytes} bytes`;
    if (!bytes.equals(Buffer.from(path))) return 'its name is not UTF-8';
    if (this.#limits.redactor.holds(bytes)) return 'its name holds a secret';
    if (stats.size > outputLimits.fileBytes) return `larger than ${outputLimits.fileBytes} bytes`;
    if (this.#chosen.length >= this.#limits.maxFiles) return `more than ${this.#limits.maxFiles} files`;
    if (this.#totalBytes + Number(stats.size) > this.#limits.maxBytes) {
      return `all together larger than ${this.#limits.maxBytes} bytes`;
    }
    if (this.#listBytes + bytes.length > outputLimits.listBytes) return 'too many long paths';
    return undefined;
  }

  #open(entry: TreeEntry, path: string): string | undefined {
    const source = openSync(entry.location, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (!fstatSync(source).isFile()) {
      closeSync(source);
      return 'not a regular file';
    }
    this.#chosen.push({ path, source });
    this.#totalBytes += Number(entry.stats.size);
    this.#listBytes += Buffer.byteLength(path);
    return undefined;
  }

  async #copy({ path, source }: Chosen): Promise<void> {
    const target = join(this.#target, path);
    try {
      mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
      // Not copyFile: it also copies the mode, which the supervisor may not without CAP_FOWNER.
      const { sizeBytes, isRedacted } = await copyBytes(source, target, {
        ...this.#limits,
        maxBytes: this.#limits.maxBytes - this.#writtenBytes,
      });
      this.#writtenBytes += sizeBytes;
      if (isRedacted) this.#redacted.add(path);
      this.#outputs.push({ path, sizeBytes });
    } catch (error) {
      rmSync(target, { force: true });
      if (isAppError(error, 'limit-exceeded')) return this.#leftOut.add(path, 'too large without its secrets');
      this.#endedBy = error;
      this.#leftOut.add(path, endedBefore);
    }
  }
}

interface CopiedFile {
  readonly sizeBytes: number;
  readonly isRedacted: boolean;
}

async function copyBytes(
  source: number,
  target: string,
  { redactor, signal, maxBytes }: CopyOptions,
): Promise<CopiedFile> {
  const copy = openSync(target, 'wx', 0o600);
  const buffer = Buffer.alloc(256 * 1024);
  const redacted = redactor.stream();
  let sizeBytes = 0;
  const write = (bytes: Buffer): void => {
    // What stands for a secret may be longer than it.
    if (sizeBytes + bytes.length > maxBytes)
      throw new AppError('limit-exceeded', `Cannot copy "${target}": more than ${maxBytes} bytes`);
    for (let at = 0; at < bytes.length; ) at += writeSync(copy, bytes, at);
    sizeBytes += bytes.length;
  };
  try {
    signal?.throwIfAborted();
    for (let count = readSync(source, buffer); count > 0; count = readSync(source, buffer)) {
      write(redacted.push(buffer.subarray(0, count)));
      // A stop is heard only between pieces.
      await turn();
      signal?.throwIfAborted();
    }
    write(redacted.end());
    return { sizeBytes, isRedacted: redacted.hasFound };
  } finally {
    closeSync(copy);
  }
}
