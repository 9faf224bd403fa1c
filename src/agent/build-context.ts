import { createReadStream } from 'node:fs';
import { lstat, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { diskFullError, makePrivateFolder } from '../base/atomic-file.ts';
import { byteText } from '../base/byte-text.ts';
import { digestOfStream } from '../base/hash.ts';
import { type Backoff, retry } from '../base/retry.ts';
import { AppError, isAppError, systemErrorCode } from '../contracts/errors.ts';
import { specLimits } from '../contracts/host-spec.ts';
import { type Digest, digestSchema } from '../contracts/ids.ts';
import type { Reply } from '../server-client/server-client.ts';
import { diskOfFolder } from './engine-disk.ts';
import type { Link } from './link.ts';

export interface BuildContextsOptions {
  readonly link: Pick<Link, 'send'>;
  /** Contexts are put in folders of their own in it. */
  readonly folder: string;
  /** Tells our folders from those of other agents on this machine. */
  readonly owner: () => string;
  /** Whether a context is removed once its build has ended. Else it is kept, and used again. */
  readonly deletesContext: boolean;
}

export interface FetchedContext {
  readonly file: string;
  /** Its build has ended. */
  close(): Promise<void>;
}

const fileName = 'context.tar';
/** A server that sends nothing for so long is asked anew. */
const silentMs = 30_000;
/** The caller's signal is what ends it. */
const longestMs = 24 * 3_600_000;
const backoff: Backoff = { delayMs: 500, maxDelayMs: 10_000 };

/** Build contexts that the server keeps, brought to this host. */
export class BuildContexts {
  readonly #options: BuildContextsOptions;
  readonly #used = new Set<string>();

  constructor(options: BuildContextsOptions) {
    this.#options = options;
  }

  /** A file that has this digest. While the server is away it waits for it, until the signal. */
  async fetch(context: string, signal: AbortSignal): Promise<FetchedContext> {
    const digest = digestSchema.safeParse(context).data;
    if (digest === undefined) {
      throw new AppError('invalid-input', `Cannot fetch build context "${context}": the server did not take it in`);
    }
    await this.removeLeftovers();
    const kept = this.#options.deletesContext ? undefined : await this.#kept(digest);
    if (kept !== undefined) return { file: join(kept, fileName), close: async () => {} };
    const folder = await this.#makeFolder();
    const close = async () => {
      this.#used.delete(folder);
      await rm(folder, { recursive: true, force: true });
    };
    const file = join(folder, fileName);
    try {
      const isRetryable = (error: unknown) => isAppError(error, 'unreachable') || isAppError(error, 'unauthenticated');
      // To a file, because the engine's pace is not the network's: a build must not hold a connection open.
      await retry(() => this.#download(digest, file, signal), { ...backoff, signal, isRetryable });
    } catch (error) {
      await close();
      throw error;
    }
    if (this.#options.deletesContext || !(await this.#keep(folder, digest))) return { file, close };
    return { file: join(this.#keptFolder(digest), fileName), close: async () => {} };
  }

  /** What this agent left when it was killed. Others may own a folder of such a name in one that all may write to. */
  async removeLeftovers(): Promise<void> {
    const { folder } = this.#options;
    const names = await readdir(folder).catch(() => []);
    for (const name of names.filter((each) => each.startsWith(this.#prefix) && !each.startsWith(this.#keptPrefix))) {
      const path = join(folder, name);
      if (!this.#used.has(path) && (await isOwnFolder(path))) await rm(path, { recursive: true, force: true });
    }
  }

  get #prefix(): string {
    return `agora-build-${this.#options.owner()}-`;
  }

  get #keptPrefix(): string {
    return `${this.#prefix}kept-`;
  }

  #keptFolder(digest: Digest): string {
    return join(this.#options.folder, `${this.#keptPrefix}${digest.slice('sha256:'.length)}`);
  }

  /** The folder of one that was kept; one that somebody changed goes. */
  async #kept(digest: Digest): Promise<string | undefined> {
    const folder = this.#keptFolder(digest);
    if (!(await isOwnFolder(folder))) return undefined;
    const actual = await digestOfStream(createReadStream(join(folder, fileName))).catch(() => undefined);
    if (actual === digest) return folder;
    await rm(folder, { recursive: true, force: true });
    return undefined;
  }

  /** Once per content: a build that fails is tried again and again. Whether it could be. */
  async #keep(folder: string, digest: Digest): Promise<boolean> {
    try {
      await rename(folder, this.#keptFolder(digest));
    } catch {
      return false; // Somebody else took the name.
    }
    this.#used.delete(folder);
    return true;
  }

  async #makeFolder(): Promise<string> {
    const { folder } = this.#options;
    try {
      await makePrivateFolder(folder);
      const made = await mkdtemp(join(folder, this.#prefix));
      this.#used.add(made);
      return made;
    } catch (cause) {
      const state = systemErrorCode(cause) ?? 'it cannot be made';
      throw (
        diskFullError(folder, cause) ??
        new AppError('invalid-config', `Cannot use the build directory "${folder}": ${state}`, { cause })
      );
    }
  }

  /** Before it comes: a disk that it fills would be full for everybody until it is removed again. */
  async #refuseWithoutRoom(digest: Digest, { headers, body }: Reply): Promise<void> {
    const sizeBytes = Number(headers.get('content-length') ?? 0);
    const disk = await diskOfFolder(this.#options.folder);
    if (disk === undefined || sizeBytes <= disk.freeBytes) return;
    await body?.cancel();
    throw this.#diskFull(digest, `it has ${byteText(sizeBytes)}, and ${byteText(disk.freeBytes)} are free there`);
  }

  #diskFull(digest: Digest, state: string, cause?: unknown): AppError {
    const message = `Cannot keep build context "${digest}" in "${this.#options.folder}": ${state}`;
    const next = 'Free space there, or give the agent another --build-directory.';
    return new AppError('disk-full', message, { cause, next });
  }

  async #download(digest: Digest, file: string, signal: AbortSignal): Promise<void> {
    const silent = new AbortController();
    const silence = setTimeout(() => silent.abort(), silentMs);
    const ends = AbortSignal.any([signal, silent.signal]);
    try {
      const request = { params: { digest } };
      const response = await this.#options.link.send('fetchContext', request, { signal: ends, timeoutMs: longestMs });
      await this.#refuseWithoutRoom(digest, response);
      await writeWhole(file, response.body ?? [], () => silence.refresh());
    } catch (cause) {
      signal.throwIfAborted();
      if (isAppError(cause)) throw cause;
      if (diskFullError(file, cause) !== undefined) throw this.#diskFull(digest, 'no space left on its disk', cause);
      throw new AppError('unreachable', `Cannot fetch build context "${digest}": the connection was lost`, { cause });
    } finally {
      clearTimeout(silence);
    }
    const actual = await digestOfStream(createReadStream(file));
    if (actual === digest) return;
    throw new AppError('artifact-mismatch', `Cannot use build context "${digest}": what came is ${actual}`);
  }
}

async function isOwnFolder(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isDirectory() === true && found.uid === process.getuid?.();
}

async function writeWhole(
  path: string,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  onBytes: () => void,
): Promise<void> {
  const file = await open(path, 'w', 0o600);
  let sizeBytes = 0;
  try {
    for await (const bytes of content) {
      onBytes();
      sizeBytes += bytes.byteLength;
      if (sizeBytes > specLimits.contextBytes)
        throw new AppError(
          'limit-exceeded',
          `Cannot take a build context of more than ${specLimits.contextBytes} bytes`,
        );
      await file.writeFile(bytes);
    }
  } finally {
    await file.close();
  }
}
