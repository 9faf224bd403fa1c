import type { Digest } from '../contracts/ids.ts';
import { pollMsOf } from '../s3/poll-interval.ts';
import { S3Bucket } from '../s3/s3-bucket.ts';
import type { S3Options } from '../s3/s3-options.ts';
import { S3Blobs } from './s3-blobs.ts';
import { S3Names } from './s3-names.ts';
import type { NamePath, NameType, PutOptions, Storage, StoredBlob } from './storage.ts';

export interface S3StorageOptions extends S3Options {
  /** A folder for content over 8 MiB on its way up, as large as the largest. Default: the system's, such as /tmp. */
  readonly spoolFolder?: string;
  /** How often a dispatch without a run looks whether somebody cancelled it. Default: 2; one request each. */
  readonly pollSeconds?: number;
}

const defaults = { pollSeconds: 2 } satisfies Partial<S3StorageOptions>;

/**
 * Storage in a bucket of S3, or of a service that speaks as it does: `blobs/sha256/<2>/<hex>` and
 * `names/<namespace>/<type>/<name>.json` below the prefix. A service that reads what was written before is enough:
 * nothing relies on conditional puts.
 */
export class S3StorageProvider implements Storage {
  readonly pollMs: number;
  readonly #blobs: S3Blobs;
  readonly #names: S3Names;

  constructor({ spoolFolder, pollSeconds = defaults.pollSeconds, ...options }: S3StorageOptions) {
    this.pollMs = pollMsOf(pollSeconds);
    const bucket = new S3Bucket(options);
    this.#blobs = new S3Blobs(bucket, spoolFolder);
    this.#names = new S3Names(bucket);
  }

  putBlob(content: Uint8Array | AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<StoredBlob> {
    return this.#blobs.put(content, options);
  }

  getBlob(digest: Digest): AsyncIterable<Uint8Array> {
    return this.#blobs.get(digest);
  }

  statBlob(digest: Digest): Promise<StoredBlob | undefined> {
    return this.#blobs.stat(digest);
  }

  putName(path: NamePath, text: string): Promise<void> {
    return this.#names.put(path, text);
  }

  createName(path: NamePath, text: string): Promise<boolean> {
    return this.#names.create(path, text);
  }

  getName(path: NamePath): Promise<string | undefined> {
    return this.#names.get(path);
  }

  removeName(path: NamePath): Promise<void> {
    return this.#names.remove(path);
  }

  listNames(namespace: string, type: NameType): Promise<string[]> {
    return this.#names.list(namespace, type);
  }
}
