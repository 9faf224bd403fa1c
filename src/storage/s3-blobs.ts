import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { digestOfStream } from '../base/hash.ts';
import { AppError } from '../contracts/errors.ts';
import type { Digest } from '../contracts/ids.ts';
import { type AskOptions, type S3Bucket, s3Sdk } from '../s3/s3-bucket.ts';
import { patienceMsFor } from '../s3/s3-patience.ts';
import { blobKey } from './keys.ts';
import { type Rest, resumedRead } from './resumed-read.ts';
import { partBytes, type Spooled, spool } from './s3-spool.ts';
import type { PutOptions, StoredBlob } from './storage.ts';

/** How many reads of bytes that were changed on the way. */
const mostReads = 3;
/** Parts under way at once. */
const queueSize = 3;

/** Blobs of a bucket, each under its digest. An object is whole or absent: S3 shows none before its last part came. */
export class S3Blobs {
  readonly #bucket: S3Bucket;
  readonly #spoolFolder: string | undefined;

  constructor(bucket: S3Bucket, spoolFolder: string | undefined) {
    this.#bucket = bucket;
    this.#spoolFolder = spoolFolder;
  }

  async put(content: Uint8Array | AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredBlob> {
    const spooled = await spool(content, options, this.#spoolFolder);
    const { digest, sizeBytes } = spooled;
    try {
      if (!(await this.#isThere(spooled))) await this.#upload(spooled);
      return { digest, sizeBytes };
    } finally {
      await spooled.close();
    }
  }

  async stat(digest: Digest): Promise<StoredBlob | undefined> {
    const found = await this.#head(digest);
    return found && { digest, sizeBytes: found.ContentLength ?? 0 };
  }

  async *get(digest: Digest): AsyncGenerator<Uint8Array> {
    for (let reads = 1; ; reads++) {
      const hasher = createHash('sha256');
      let held: Uint8Array | undefined;
      let isBegun = false;
      for await (const chunk of this.#read(digest)) {
        if (held !== undefined) {
          yield held;
          isBegun = true;
        }
        hasher.update(chunk);
        held = chunk;
      }
      const actual = `sha256:${hasher.digest('hex')}`;
      if (actual === digest) {
        if (held !== undefined) yield held;
        return;
      }
      if (isBegun || reads === mostReads) throw await this.#mismatch(digest, actual);
    }
  }

  /** What was read is not the blob: either the object is not, or only what came of it. */
  async #mismatch(digest: Digest, actual: string): Promise<AppError> {
    const read = await digestOfStream(this.#read(digest));
    const what = `Cannot read blob "${digest}" in ${this.#bucket.place}`;
    if (read === digest)
      return new AppError('unreachable', `${what}: its bytes were changed on the way`, { next: 'Try again.' });
    return new AppError('artifact-mismatch', `${what}: its bytes hash to ${actual}`, {
      next: `Remove the object ${this.#key(digest)}: it is damaged.`,
    });
  }

  #read(digest: Digest): AsyncGenerator<Uint8Array> {
    const what = `read blob "${digest}"`;
    return resumedRead({
      title: `blob "${digest}" in ${this.#bucket.place}`,
      open: (position) => this.#open(digest, position),
      explain: (cause) => this.#bucket.explain(what, cause),
    });
  }

  async #open(digest: Digest, position: number): Promise<Rest> {
    const { GetObjectCommand } = await s3Sdk();
    const wish = new GetObjectCommand({
      ...this.#at(digest),
      ...(position > 0 && { Range: `bytes=${position}-` }),
    });
    const answer = await this.#bucket.askForObject(`read blob "${digest}"`, (client, options) =>
      client.send(wish, options),
    );
    if (answer === undefined) throw new AppError('not-found', `Cannot read blob "${digest}": it is not in storage`);
    const { Body, ContentLength = 0, ContentRange = '' } = answer;
    if (!(Body instanceof Readable)) throw new AppError('internal', 'Cannot read an answer of S3: it has no body');
    if (position === 0 || ContentRange.startsWith(`bytes ${position}-`))
      return { body: Body, totalBytes: position + ContentLength };
    Body.destroy();
    const state = `it was cut after ${position} bytes, and the service does not go on there`;
    throw new AppError('unreachable', `Cannot read blob "${digest}" in ${this.#bucket.place}: ${state}`, {
      next: 'Try again; if it stays so, use a service that heeds the header "Range".',
    });
  }

  /** Whether the very bytes are there already; damaged ones are replaced. */
  async #isThere(spooled: Spooled): Promise<boolean> {
    const found = await this.#head(spooled.digest);
    if (found?.ContentLength !== spooled.sizeBytes) return false;
    return found.ETag?.replaceAll('"', '') === spooled.etag || found.ChecksumSHA256 === checksumOf(spooled.digest);
  }

  // Async: a digest that is none rejects.
  async #head(digest: Digest) {
    return this.#bucket.head(`look for blob "${digest}"`, { Key: this.#key(digest), ChecksumMode: 'ENABLED' });
  }

  #upload(spooled: Spooled): Promise<void> {
    const put = spooled.sizeBytes <= partBytes ? this.#putWhole.bind(this) : this.#putParts.bind(this);
    const ask = (client: S3Client, options: AskOptions) => put(client, spooled, options);
    return this.#bucket.ask(`store blob "${spooled.digest}"`, ask, { timeoutMs: patienceMsFor(spooled.sizeBytes) });
  }

  async #putWhole(client: S3Client, spooled: Spooled, options: AskOptions): Promise<void> {
    const { PutObjectCommand } = await s3Sdk();
    const checks = {
      ContentMD5: Buffer.from(spooled.etag, 'hex').toString('base64'),
      ChecksumSHA256: checksumOf(spooled.digest),
    };
    const wish = { ...this.#target(spooled.digest), ...checks, Body: spooled.body() };
    await client.send(new PutObjectCommand(wish), options);
  }

  /** Each part with its own checksum. Parts of an upload that fails are removed again. */
  async #putParts(client: S3Client, spooled: Spooled, { abortSignal }: AskOptions): Promise<void> {
    const { Upload } = await import('@aws-sdk/lib-storage');
    const Body = spooled.body();
    const { digest, sizeBytes: ContentLength } = spooled;
    // With its length the parts are counted: a spool that became shorter is noticed.
    const params = { ...this.#target(digest), ChecksumAlgorithm: 'SHA256', ContentLength, Body } as const;
    const upload = new Upload({ client, params, queueSize, partSize: partBytes, leavePartsOnError: false });
    const abort = () => void upload.abort(); // `done` rejects.
    abortSignal.addEventListener('abort', abort, { once: true });
    try {
      await upload.done();
    } finally {
      abortSignal.removeEventListener('abort', abort);
      if (Body instanceof Readable) Body.destroy();
    }
  }

  #target(digest: Digest) {
    return { ...this.#at(digest), ...this.#bucket.encryption, ContentType: 'application/octet-stream' };
  }

  #at(digest: Digest): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#bucket.name, Key: this.#key(digest) };
  }

  #key(digest: Digest): string {
    return `${this.#bucket.prefix}${blobKey(digest)}`;
  }
}

/** As the header wants it. */
function checksumOf(digest: Digest): string {
  return Buffer.from(digest.slice('sha256:'.length), 'hex').toString('base64');
}
