import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { Pack } from 'tar-stream';
import { streamTar } from '../base/tar-writer.ts';
import type { Digest } from '../contracts/ids.ts';
import type { Storage } from '../storage/storage.ts';

export interface LaidFile {
  readonly path: string;
  readonly mode: number;
  readonly sizeBytes: number;
  readonly content: { readonly digest: Digest } | { readonly bytes: Uint8Array };
}

/** The files as a tar: same files in the same order, same bytes. */
export function tarOf(storage: Storage, files: readonly LaidFile[]): AsyncGenerator<Uint8Array> {
  return gathered(streamTar((tar) => writeAll(tar, storage, files)));
}

// Nothing but path, mode and bytes differs between two entries.
const sameForAll = { type: 'file', mtime: new Date(0), uid: 0, gid: 0, uname: '', gname: '' } as const;

const gatheredBytes = 256 * 1024;

// A tar of many small files comes in tiny chunks, and storing each by itself takes longer than all the rest.
async function* gathered(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const chunk of chunks) {
    held.push(chunk);
    heldBytes += chunk.byteLength;
    if (heldBytes < gatheredBytes) continue;
    yield Buffer.concat(held);
    held = [];
    heldBytes = 0;
  }
  if (heldBytes > 0) yield Buffer.concat(held);
}

/** Small files are read ahead, so many at once: opening each is most of the time it takes. */
const readAhead = { files: 32, bytesEach: 256 * 1024 } as const;

async function writeAll(tar: Pack, storage: Storage, files: readonly LaidFile[]): Promise<void> {
  for (let at = 0; at < files.length; at += readAhead.files) {
    const batch = files.slice(at, at + readAhead.files);
    const read = await Promise.all(batch.map((file) => readSmall(storage, file)));
    for (const [index, file] of batch.entries()) await writeEntry(tar, storage, file, read[index]);
  }
}

async function readSmall(storage: Storage, { content, sizeBytes }: LaidFile): Promise<Uint8Array | undefined> {
  if ('bytes' in content) return content.bytes;
  return sizeBytes > readAhead.bytesEach ? undefined : buffer(storage.getBlob(content.digest));
}

async function writeEntry(
  tar: Pack,
  storage: Storage,
  { path, mode, sizeBytes, content }: LaidFile,
  bytes: Uint8Array | undefined,
): Promise<void> {
  const header = { ...sameForAll, name: path, mode, size: sizeBytes };
  if (bytes !== undefined || 'bytes' in content) {
    const whole = Buffer.from(bytes ?? []);
    await new Promise<void>((resolve, reject) => {
      tar.entry(header, whole, (error) => (error ? reject(error) : resolve()));
    });
    return;
  }
  await pipeline(storage.getBlob(content.digest), tar.entry(header) as unknown as NodeJS.WritableStream);
}
