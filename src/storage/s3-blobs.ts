import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { GetObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { digestOfStream } from '../base/hash.ts';
import { AppError } from '../contracts/errors.ts';
import type { Digest } from '../contracts/ids.ts';
import { type AskOptions, type S3Bucket, s3Sdk } from '../s3/s3-bucket.ts';
import { explainS3Error } from '../s3/s3-errors.ts';
import { blobKey } from './keys.ts';
import { partBytes, type Spooled, spool } from './s3-spool.ts';
import type { PutOptions, StoredBlob } from './storage.ts';

/** How many cuts in a row that bring nothing a read survives, and how many reads of bytes that were changed on the way. */
const mostCuts = 5;
const mostReads = 3;
/** Slower than this is not waited for. */
const leastBytesPerMs = 50;
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

  /** The bytes of the object; goes on where a cut one ended. */
  async *#read(digest: Digest): AsyncGenerator<Uint8Array> {
    let position = 0;
    for (let cuts = 0; ; ) {
      const { answer, totalBytes } = await this.#open(digest, position);
      let why: unknown = new Error('the answer ended early');
      try {
        for await (const chunk of bodyOf(answer)) {
          position += chunk.length;
          cuts = 0;
          yield chunk;
        }
      } catch (cause) {
        why = cause;
      }
      if (position >= totalBytes) return;
      if (++cuts > mostCuts) throw explainS3Error(`read blob "${digest}"`, this.#bucket.place, why);
    }
  }

  async #open(digest: Digest, position: number): Promise<{ answer: GetObjectCommandOutput; totalBytes: number }> {
    const { GetObjectCommand } = await s3Sdk();
    const wish = new GetObjectCommand({
      ...this.#at(digest),
      ...(position > 0 && { Range: `bytes=${position}-` }),
    });
    const answer = await this.#bucket.askForObject(`read blob "${digest}"`, (client, options) =>
      client.send(wish, options),
    );
    if (answer === undefined) throw new AppError('not-found', `Cannot read blob "${digest}": it is not in storage`);
    return { answer, totalBytes: position + (answer.ContentLength ?? 0) };
  }

  /** Whether the very bytes are there already; damaged ones are replaced. */
  async #isThere(spooled: Spooled): Promise<boolean> {
    const found = await this.#head(spooled.digest);
    if (found?.ContentLength !== spooled.sizeBytes) return false;
    return found.ETag?.replaceAll('"', '') === spooled.etag || found.ChecksumSHA256 === checksumOf(spooled.digest);
  }

  async #head(digest: Digest) {
    const { HeadObjectCommand } = await s3Sdk();
    const wish = new HeadObjectCommand({ ...this.#at(digest), ChecksumMode: 'ENABLED' });
    return this.#bucket.askForObject(`look for blob "${digest}"`, (client, options) => client.send(wish, options));
  }

  #upload(spooled: Spooled): Promise<void> {
    const timeoutMs = 60_000 + spooled.sizeBytes / leastBytesPerMs;
    const put = spooled.sizeBytes <= partBytes ? this.#putWhole.bind(this) : this.#putParts.bind(this);
    const ask = (client: S3Client, options: AskOptions) => put(client, spooled, options);
    return this.#bucket.ask(`store blob "${spooled.digest}"`, ask, { timeoutMs });
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
    const params = { ...this.#target(spooled.digest), ChecksumAlgorithm: 'SHA256', Body } as const;
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

function bodyOf({ Body }: GetObjectCommandOutput): AsyncIterable<Uint8Array> {
  if (Body instanceof Readable) return Body;
  throw new AppError('internal', 'Cannot read an answer of S3: it has no body');
}
