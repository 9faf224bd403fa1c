import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Header } from 'tar-stream';
import type { Compute, TaskHandle } from '../compute/compute.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { limits, outNames } from '../contracts/names.ts';
import { type TaskResult, taskResultSchema } from '../contracts/task.ts';
import type { Storage, StoredBlob } from '../storage/storage.ts';

export interface CollectedOutput extends StoredBlob {
  readonly path: string;
}

/** What a worker left, hashed and stored by us. */
export interface Collected {
  /** Undefined when the worker left none, or none that can be read. */
  readonly result: TaskResult | undefined;
  readonly patch: StoredBlob | undefined;
  readonly log: StoredBlob | undefined;
  readonly outputs: readonly CollectedOutput[];
  /** The worker left more than it may. What came before that is kept. */
  readonly isTooLarge: boolean;
}

interface Parts {
  result: TaskResult | undefined;
  patch: StoredBlob | undefined;
  log: StoredBlob | undefined;
  outputs: CollectedOutput[];
}

/** Room for headers, padding and the result beside the outputs themselves. */
const tarOverheadBytes = 8 * 1024 * 1024;

/** Reads the tar of `/agora/out` and stores what it holds. Nothing in it is believed: names and digests are ours. */
export async function collect(
  from: { readonly compute: Compute; readonly storage: Storage },
  handle: TaskHandle,
  maxBytes: number,
): Promise<Collected> {
  const parts: Parts = { result: undefined, patch: undefined, log: undefined, outputs: [] };
  try {
    await readTar(from.compute.collect(handle, maxBytes + tarOverheadBytes), (header, content) =>
      takeEntry(header, content, { parts, storage: from.storage }),
    );
  } catch (error) {
    if (!isAppError(error, 'limit-exceeded')) throw error;
    return { ...parts, isTooLarge: true };
  }
  return { ...parts, isTooLarge: false };
}

type TakeEntry = (header: Header, content: AsyncIterable<Uint8Array>) => Promise<void>;

/** Rejects with what breaks first, the source or `take`. */
async function readTar(source: AsyncIterable<Uint8Array>, take: TakeEntry): Promise<void> {
  const tar = extract();
  const failed = Promise.withResolvers<never>();
  const over = new AbortController();
  let taken: Promise<void> = Promise.resolve();
  tar.on('entry', (header, content, next) => {
    // As a stream of Node's own: giving up on tar-stream's in the middle of an entry waits for ever.
    taken = take(header, Readable.from(content)).then(() => {
      // The next entry comes once this one was read to its end.
      content.resume();
      next();
    });
    taken.catch(failed.reject);
  });
  const read = pipeline(source, tar, { signal: over.signal }).then(
    () => taken,
    async (error: unknown) => {
      // Giving up on an entry breaks the pipe as well; why it was given up says more.
      await taken;
      throw error;
    },
  );
  try {
    await Promise.race([read, failed.promise]);
  } finally {
    over.abort();
    read.catch(() => undefined); // Told above, or only that it was aborted.
  }
}

async function takeEntry(
  header: Header,
  content: AsyncIterable<Uint8Array>,
  { parts, storage }: { readonly parts: Parts; readonly storage: Storage },
): Promise<void> {
  if (header.type !== 'file') return;
  const path = header.name.replace(/^(\.\/|out\/)+/, '');
  if (path === outNames.result) parts.result = parseResult(await readSmall(content));
  else if (path === outNames.patch && (header.size ?? 0) > 0) parts.patch = await storage.putBlob(content);
  else if (path === outNames.transcript && (header.size ?? 0) > 0) parts.log = await storage.putBlob(content);
  else if (path.startsWith(`${outNames.outputs}/`)) {
    parts.outputs.push({ path: path.slice(outNames.outputs.length + 1), ...(await storage.putBlob(content)) });
  }
}

async function readSmall(content: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of content) {
    size += chunk.length;
    if (size > limits.resultBytes)
      throw new AppError('limit-exceeded', `Cannot read the worker's result: it is over ${limits.resultBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseResult(text: string): TaskResult | undefined {
  try {
    return taskResultSchema.parse(JSON.parse(text));
  } catch {
    // A result that cannot be read is no result; the caller says so.
    return undefined;
  }
}
