import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { diskFullError, syncFolder, temporaryPath } from '../base/atomic-file.ts';
import { byteText } from '../base/byte-text.ts';
import { sleep } from '../base/deadline.ts';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { AppError } from '../contracts/errors.ts';
import { type Digest, digestSchema } from '../contracts/ids.ts';
import { type ContextLimits, type KeptContext, roomFor } from './context-room.ts';

const dayMs = 86_400_000;
const pruneEveryMs = 6 * 3_600_000;
/** One is handed in before the spec that names it. */
const awaitedMs = 3_600_000;

export interface ContextsOptions {
  readonly folder: string;
  readonly limits: ContextLimits;
  /** Digests that specs name: of hosts as they are declared now, and of every revision. */
  readonly used: () => { readonly now: ReadonlySet<string>; readonly ever: ReadonlySet<string> };
  /** Gets lines for the server's log. */
  readonly log: (line: string) => void;
}

interface Coming {
  readonly sizeBytes: number;
  writtenBytes: number;
}

/** Build contexts by the digest of their tar. */
export class Contexts {
  readonly #options: ContextsOptions;
  /** By their unfinished files. */
  readonly #coming = new Map<string, Coming>();
  #deciding: Promise<unknown> = Promise.resolve();

  constructor(options: ContextsOptions) {
    this.#options = options;
  }

  get limits(): ContextLimits {
    return this.#options.limits;
  }

  /** Its size in bytes; undefined where it is not here. Who asks may be about to name it: it counts as handed in anew. */
  async sizeOf(digest: Digest): Promise<number | undefined> {
    const now = new Date();
    const path = this.#pathOf(digest);
    await undefinedIfMissing(utimes(path, now, now));
    return (await undefinedIfMissing(stat(path)))?.size;
  }

  /** Raises why one of this size cannot be taken. */
  async refuseWithoutRoom(sizeBytes: number): Promise<void> {
    roomFor(sizeBytes, await this.#place());
  }

  /** Stored whole or not at all; refused when it is not what its digest says, or larger than was said. Gives its size in bytes. */
  async put(digest: Digest, sizeBytes: number, content: AsyncIterable<Uint8Array>): Promise<number> {
    const path = this.#pathOf(digest);
    const temporary = temporaryPath(path);
    const coming = { sizeBytes, writtenBytes: 0 };
    try {
      await this.#makeRoom(temporary, coming);
      const found = await write(temporary, content, coming);
      if (found !== digest)
        throw new AppError('invalid-input', `Cannot take build context "${digest}": what came is ${found}`);
      await rename(temporary, path);
      await syncFolder(this.#options.folder);
      return coming.writtenBytes;
    } catch (cause) {
      throw diskFullError(path, cause) ?? cause;
    } finally {
      await rm(temporary, { force: true });
      this.#coming.delete(temporary);
    }
  }

  async stream(digest: Digest): Promise<AsyncIterable<Uint8Array>> {
    if ((await this.sizeOf(digest)) !== undefined) return createReadStream(this.#pathOf(digest));
    throw new AppError('not-found', `Cannot give build context "${digest}": it is not here`, {
      next: 'Apply the spec again.',
    });
  }

  /** Removes what a killed server left of one, and those of more than a day that no revision names. */
  async prune(nowMs: number): Promise<void> {
    const { ever } = this.#options.used();
    for (const { name, path, digest } of await this.#files()) {
      if (digest === undefined && this.#coming.has(path)) continue;
      if (digest !== undefined && ever.has(digest)) continue;
      const stats = digest === undefined ? undefined : await undefinedIfMissing(stat(path));
      if (stats !== undefined && nowMs - stats.mtimeMs <= dayMs) continue;
      await rm(join(this.#options.folder, name), { force: true, recursive: true });
    }
  }

  /** Does so at once and from time to time, until the signal. */
  async keepPruned(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.prune(Date.now()); // The files' times are of the machine's clock as well.
      } catch (error) {
        this.#options.log(`Cannot remove old build contexts: ${String(error)}`);
      }
      await sleep(pruneEveryMs, signal).catch(() => undefined); // Ended by the signal.
    }
  }

  /** One after the other: two that come at once shall not count on the same room. */
  async #makeRoom(temporary: string, coming: Coming): Promise<void> {
    const decided = this.#deciding.then(async () => {
      const removed = roomFor(coming.sizeBytes, await this.#place());
      this.#coming.set(temporary, coming);
      for (const context of removed) await this.#remove(context);
    });
    this.#deciding = decided.catch(() => undefined); // The caller is told.
    await decided;
  }

  async #remove({ digest, sizeBytes }: KeptContext): Promise<void> {
    await rm(this.#pathOf(digest), { force: true });
    this.#options.log(`Removed build context ${digest} (${byteText(sizeBytes)}) for another: no spec names it now`);
  }

  async #place() {
    const { folder, limits } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const coming = [...this.#coming.values()];
    const comingBytes = coming.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const writtenBytes = coming.reduce((sum, one) => sum + one.writtenBytes, 0);
    const unwrittenBytes = comingBytes - writtenBytes;
    return { limits, kept: await this.#kept(), comingBytes, unwrittenBytes, disk: await diskOf(folder) };
  }

  async #kept(): Promise<KeptContext[]> {
    const { now, ever } = this.#options.used();
    const kept: KeptContext[] = [];
    for (const { path, digest } of await this.#files()) {
      const stats = digest === undefined ? undefined : await undefinedIfMissing(stat(path));
      if (digest === undefined || stats === undefined) continue;
      const { size: sizeBytes, mtimeMs: usedAtMs } = stats;
      const isAwaited = !ever.has(digest) && Date.now() - usedAtMs < awaitedMs;
      kept.push({ digest, sizeBytes, usedAtMs, isNeeded: now.has(digest) || isAwaited });
    }
    return kept;
  }

  /** Those without a digest are unfinished. */
  async #files() {
    const { folder } = this.#options;
    const names = (await undefinedIfMissing(readdir(folder))) ?? [];
    return names.map((name) => {
      const [, hex] = /^([0-9a-f]{64})\.tar$/.exec(name) ?? [];
      const digest = hex === undefined ? undefined : digestSchema.parse(`sha256:${hex}`);
      return { name, path: join(folder, name), digest };
    });
  }

  #pathOf(digest: Digest): string {
    return join(this.#options.folder, `${digest.slice('sha256:'.length)}.tar`);
  }
}

async function write(path: string, content: AsyncIterable<Uint8Array>, coming: Coming): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of content) {
      coming.writtenBytes += chunk.length;
      if (coming.writtenBytes > coming.sizeBytes)
        throw new AppError('invalid-input', `Cannot take the build context: more came than ${coming.sizeBytes} bytes`);
      hash.update(chunk);
      await file.appendFile(chunk); // All of it: `write` may take less when the disk is full.
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return `sha256:${hash.digest('hex')}`;
}

async function diskOf(folder: string) {
  const found = await undefinedIfMissing(statfs(folder));
  return found && { freeBytes: found.bavail * found.bsize, totalBytes: found.blocks * found.bsize };
}
