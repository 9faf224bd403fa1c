import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { diskFullError, makePrivateFolder, temporaryPath } from '../base/atomic-file.ts';
import { AppError } from '../contracts/errors.ts';
import { digestSchema } from '../contracts/ids.ts';
import type { PutOptions, StoredBlob } from './storage.ts';

/** Content goes up in parts of this size; what fits into one is never written to a disk. S3 takes 10,000 parts: 80 GB. */
export const partBytes = 8 * 1024 * 1024;

/** Written and read at once. */
const writeBytes = 1024 * 1024;

/** Content at rest on this machine: its key is its digest, which only its end tells. */
export interface Spooled extends StoredBlob {
  /** What S3 answers as its ETag when it got these bytes in parts of `partBytes`, unless it encrypts with KMS. */
  readonly etag: string;
  /** In memory as it is where it fits into one part, else anew each time it is asked for. */
  body(): Buffer | Readable;
  close(): Promise<void>;
}

/** Reads content to its end; `folder` takes what does not fit into memory. Raises what its source raises. */
export async function spool(
  content: Uint8Array | AsyncIterable<Uint8Array>,
  { expected, maxBytes = Number.POSITIVE_INFINITY }: PutOptions,
  folder: string = tmpdir(),
): Promise<Spooled> {
  const whole = createHash('sha256');
  const etag = new EtagHash();
  const kept = content instanceof Uint8Array ? new HeldContent(content) : new SpoolFile(folder);
  let sizeBytes = 0;
  try {
    for await (const chunk of content instanceof Uint8Array ? [content] : content) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes)
        throw new AppError('limit-exceeded', `Cannot store the content: more than ${maxBytes} bytes`);
      whole.update(chunk);
      etag.update(chunk);
      await kept.add(chunk);
    }
    await kept.end();
    const digest = digestSchema.parse(`sha256:${whole.digest('hex')}`);
    if (expected !== undefined && digest !== expected)
      throw new AppError('artifact-mismatch', `Cannot store blob "${expected}": the bytes hash to ${digest}`);
    return { digest, sizeBytes, etag: etag.digest(), body: () => kept.body(), close: () => kept.close() };
  } catch (error) {
    await kept.close();
    throw error;
  }
}

/** What is at rest already. */
class HeldContent {
  readonly #content: Uint8Array;

  constructor(content: Uint8Array) {
    this.#content = content;
  }

  async add(): Promise<void> {}

  async end(): Promise<void> {}

  body(): Buffer {
    const { buffer, byteOffset, length } = this.#content;
    return Buffer.from(buffer, byteOffset, length);
  }

  async close(): Promise<void> {}
}

/** In memory until it is over one part, then in a file that has no name: nothing is left of it, whatever crashes. */
class SpoolFile {
  readonly #folder: string;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #file: FileHandle | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async add(chunk: Uint8Array): Promise<void> {
    // A source may use its chunk again.
    this.#held.push(Buffer.from(chunk));
    this.#heldBytes += chunk.length;
    if (this.#heldBytes > (this.#file === undefined ? partBytes : writeBytes)) await this.#write();
  }

  async end(): Promise<void> {
    if (this.#file !== undefined) await this.#write();
  }

  body(): Buffer | Readable {
    if (this.#file === undefined) return Buffer.concat(this.#held);
    // A read stream of the file would close it with itself, and it may be asked for again.
    return Readable.from(piecesOf(this.#file), { objectMode: false });
  }

  async close(): Promise<void> {
    this.#held = [];
    await this.#file?.close();
  }

  async #write(): Promise<void> {
    try {
      this.#file ??= await openNameless(this.#folder);
      await this.#file.appendFile(Buffer.concat(this.#held));
    } catch (cause) {
      throw diskFullError(join(this.#folder, 'content'), cause) ?? cause;
    }
    this.#held = [];
    this.#heldBytes = 0;
  }
}

async function* piecesOf(file: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const { bytesRead, buffer } = await file.read({ buffer: Buffer.allocUnsafe(writeBytes), position });
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function openNameless(folder: string): Promise<FileHandle> {
  await makePrivateFolder(folder);
  const path = temporaryPath('agora-content', folder);
  const file = await open(path, 'wx+', 0o600);
  await rm(path);
  return file;
}

/** MD5 of the content, or of the MD5s of its parts with their number, as S3 counts. It guards nothing: digests do. */
class EtagHash {
  readonly #parts: Buffer[] = [];
  #part: Hash = createHash('md5');
  #partBytes = 0;

  update(chunk: Uint8Array): void {
    for (let from = 0; from < chunk.length; ) {
      if (this.#partBytes === partBytes) this.#endPart();
      const piece = chunk.subarray(from, from + partBytes - this.#partBytes);
      this.#part.update(piece);
      this.#partBytes += piece.length;
      from += piece.length;
    }
  }

  digest(): string {
    this.#endPart();
    const [only, ...more] = this.#parts;
    if (only !== undefined && more.length === 0) return only.toString('hex');
    return `${createHash('md5').update(Buffer.concat(this.#parts)).digest('hex')}-${this.#parts.length}`;
  }

  #endPart(): void {
    this.#parts.push(this.#part.digest());
    this.#part = createHash('md5');
    this.#partBytes = 0;
  }
}
