import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Header } from 'tar-stream';
import type { Compute, TaskHandle } from '../compute/compute.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { limits, outNames } from '../contracts/names.ts';
import { type Question, questionSchema } from '../contracts/question.ts';
import { type TaskLimits, type TaskResult, taskResultSchema } from '../contracts/task.ts';
import type { Storage, StoredBlob } from '../storage/storage.ts';

export interface CollectedOutput extends StoredBlob {
  readonly path: string;
}

/** What it asks, and the bytes it was asked with. */
export interface CollectedQuestion extends StoredBlob {
  readonly question: Question;
}

/** What a worker left, hashed and stored by us. */
export interface Collected {
  /** Undefined when the worker left none, or none that can be read. */
  readonly result: TaskResult | undefined;
  readonly patch: StoredBlob | undefined;
  readonly log: StoredBlob | undefined;
  readonly outputs: readonly CollectedOutput[];
  /** Undefined when there is none, or none that can be read. */
  readonly question: CollectedQuestion | undefined;
  /** Files of the session that can be gone on with. */
  readonly session: StoredBlob | undefined;
  /** A note for each shell that was opened into the worktree. */
  readonly shells: readonly CollectedOutput[];
  /** The worker left more than it may. What came before that is kept. */
  readonly isTooLarge: boolean;
}

type Parts = { -readonly [Name in Exclude<keyof Collected, 'isTooLarge' | 'outputs' | 'shells'>]: Collected[Name] } & {
  readonly outputs: CollectedOutput[];
  readonly shells: CollectedOutput[];
};

/** Room for headers, padding, the result, a question and a session beside the work itself. */
const tarOverheadBytes = 48 * 1024 * 1024;

/** The most that a worker leaves which keeps its limits: transcript and patch have one each, the outputs that of the disk. */
export function mostLeftBytes({ outputBytes, diskMb }: TaskLimits): number {
  return 2 * outputBytes + diskMb * 1024 * 1024;
}

/** Reads the tar of `/agora/out` and stores what it holds. Nothing in it is believed: names and digests are ours. */
export async function collect(
  from: { readonly compute: Compute; readonly storage: Storage },
  handle: TaskHandle,
  maxBytes: number,
): Promise<Collected> {
  const parts: Parts = {
    result: undefined,
    patch: undefined,
    log: undefined,
    outputs: [],
    question: undefined,
    session: undefined,
    shells: [],
  };
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
  const isEmpty = (header.size ?? 0) === 0;
  if (path === outNames.result) parts.result = parseAs(taskResultSchema, await readSmall(content));
  else if (path === outNames.patch && !isEmpty) parts.patch = await storage.putBlob(content);
  else if (path === outNames.transcript && !isEmpty) parts.log = await storage.putBlob(content);
  else if (path === outNames.session && !isEmpty) parts.session = await storage.putBlob(content);
  else if (path === outNames.question) parts.question = await takeQuestion(await readSmall(content), storage);
  else {
    const [folder, ...below] = path.split('/');
    if (below.length === 0 || (folder !== outNames.outputs && folder !== outNames.shells)) return;
    parts[folder].push({ path: below.join('/'), ...(await storage.putBlob(content)) });
  }
}

async function takeQuestion(text: string, storage: Storage): Promise<CollectedQuestion | undefined> {
  const question = parseAs(questionSchema, text);
  return question && { question, ...(await storage.putBlob(Buffer.from(text))) };
}

/** A result or a question; both are of the same size at most. */
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

/** What cannot be read is not there; the caller says so. */
function parseAs<T>(schema: { parse(value: unknown): T }, text: string): T | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
