import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  createFileAtomically,
  diskFullError,
  makePrivateFolder,
  syncFolder,
  temporaryPath,
  writeFileAtomically,
} from '../base/atomic-file.ts';
import { removeLeftovers } from '../base/leftovers.ts';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import { type Digest, digestSchema } from '../contracts/ids.ts';
import { blobKey, nameKey, namesAmong, namesFolder } from './keys.ts';
import type { NamePath, NameType, PutOptions, Storage, StoredBlob } from './storage.ts';

export interface LocalStorageOptions {
  /** Folder that holds everything; made on first write, for its owner only. */
  readonly root: string;
}

/**
 * Storage in a folder: `blobs/sha256/<2>/<hex>` and `names/<namespace>/<type>/<name>.json`. Unfinished writes lie in
 * `tmp/`, in the same file system, and become visible by a rename.
 */
export class LocalStorage implements Storage {
  readonly root: string;
  #swept: Promise<void> | undefined;

  constructor(options: LocalStorageOptions) {
    this.root = options.root;
  }

  async putBlob(content: Uint8Array | AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<StoredBlob> {
    const temporary = temporaryPath('blob', await this.#temporaryFolder());
    try {
      const blob = await writeBlob(temporary, content, options);
      await this.#publish(temporary, blob.digest);
      return blob;
    } catch (cause) {
      throw diskFullError(join(this.root, 'blobs'), cause) ?? cause;
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async *getBlob(digest: Digest): AsyncGenerator<Uint8Array> {
    const hasher = createHash('sha256');
    let held: Uint8Array | undefined;
    for await (const chunk of readBlob(this.#blobPath(digest), digest)) {
      if (held !== undefined) yield held;
      hasher.update(chunk);
      held = chunk;
    }
    const actual = `sha256:${hasher.digest('hex')}`;
    if (actual !== digest) {
      throw new AppError('artifact-mismatch', `Cannot read blob "${digest}": its bytes hash to ${actual}`, {
        next: `Remove ${this.#blobPath(digest)}: it is damaged.`,
      });
    }
    if (held !== undefined) yield held;
  }

  async statBlob(digest: Digest): Promise<StoredBlob | undefined> {
    const found = await undefinedIfMissing(stat(this.#blobPath(digest)));
    return found && { digest, sizeBytes: found.size };
  }

  async putName(path: NamePath, text: string): Promise<void> {
    const file = join(this.root, nameKey(path));
    await makePrivateFolder(dirname(file), { durable: true });
    await writeFileAtomically(file, text, { temporaryFolder: await this.#temporaryFolder() });
  }

  async createName(path: NamePath, text: string): Promise<boolean> {
    const file = join(this.root, nameKey(path));
    await makePrivateFolder(dirname(file), { durable: true });
    return createFileAtomically(file, text, { temporaryFolder: await this.#temporaryFolder() });
  }

  async getName(path: NamePath): Promise<string | undefined> {
    return undefinedIfMissing(readFile(join(this.root, nameKey(path)), 'utf8'));
  }

  async removeName(path: NamePath): Promise<void> {
    const file = join(this.root, nameKey(path));
    await rm(file, { force: true });
    await undefinedIfMissing(syncFolder(dirname(file)));
  }

  async listNames(namespace: string, type: NameType): Promise<string[]> {
    const folder = join(this.root, namesFolder(namespace, type));
    return namesAmong((await undefinedIfMissing(readdir(folder))) ?? []);
  }

  #blobPath(digest: Digest): string {
    return join(this.root, blobKey(digest));
  }

  async #temporaryFolder(): Promise<string> {
    const folder = join(this.root, 'tmp');
    // It may be the first to make the root.
    await makePrivateFolder(folder, { durable: true });
    this.#swept ??= removeLeftovers(folder);
    await this.#swept;
    return folder;
  }

  // A blob that is there is replaced by the same bytes: that repairs a damaged one.
  async #publish(temporary: string, digest: Digest): Promise<void> {
    const path = this.#blobPath(digest);
    await makePrivateFolder(dirname(path), { durable: true });
    await rename(temporary, path);
    await syncFolder(dirname(path));
  }
}

async function writeBlob(
  path: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  { expected, maxBytes = Number.POSITIVE_INFINITY }: PutOptions,
): Promise<StoredBlob> {
  const hasher = createHash('sha256');
  let sizeBytes = 0;
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of content instanceof Uint8Array ? [content] : content) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) {
        throw new AppError('limit-exceeded', `Cannot store the content: more than ${maxBytes} bytes`);
      }
      hasher.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  const digest = digestSchema.parse(`sha256:${hasher.digest('hex')}`);
  if (expected !== undefined && digest !== expected) {
    throw new AppError('artifact-mismatch', `Cannot store blob "${expected}": the bytes hash to ${digest}`);
  }
  return { digest, sizeBytes };
}

async function* readBlob(path: string, digest: Digest): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Uint8Array>;
  } catch (cause) {
    if (systemErrorCode(cause) !== 'ENOENT') throw cause;
    throw new AppError('not-found', `Cannot read blob "${digest}": it is not in storage`, { cause });
  }
}
