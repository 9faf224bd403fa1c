import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { LogChunk, LogOptions } from './compute.ts';
import type { TaskFolder } from './process-folder.ts';

const chunkBytes = 64 * 1024;
const newline = 0x0a;
/** How long a change may go unseen where watching is not reliable. */
const backstopMs = 1_000;

/**
 * The output of a worker from its start; with `follow` until `isOver` says that nothing more comes. The files hold no
 * times: only what is written while they are followed has one, `since` leaves out a stream that was silent since then, and
 * `tail` counts the lines of each stream.
 */
export async function* readLogs(
  folder: TaskFolder,
  options: LogOptions,
  worker: { readonly isOver: () => boolean; readonly over: Promise<unknown> },
): AsyncGenerator<LogChunk> {
  const { follow = false, signal, timestamps = false } = options;
  const sources = await openLogs(folder, options);
  const changes = new Changes(folder.logs);
  if (follow) void worker.over.then(() => changes.notice());
  signal?.addEventListener('abort', changes.notice);
  try {
    for (let isNews = false; ; isNews = true) {
      // Asked before reading: what is written until then is read below.
      const isLast = !follow || worker.isOver();
      for (const source of sources)
        for await (const chunk of source.newChunks(signal))
          yield isNews && timestamps ? { ...chunk, at: new Date().toISOString() } : chunk;
      if (isLast || signal?.aborted) return;
      await changes.next();
    }
  } finally {
    signal?.removeEventListener('abort', changes.notice);
    changes.close();
    for (const source of sources) await source.close();
  }
}

async function openLogs(folder: TaskFolder, options: LogOptions): Promise<LogFile[]> {
  const stdout = await LogFile.open('stdout', folder.stdout, options);
  try {
    return [stdout, await LogFile.open('stderr', folder.stderr, options)];
  } catch (error) {
    await stdout.close();
    throw error;
  }
}

class LogFile {
  readonly #stream: LogChunk['stream'];
  readonly #file: FileHandle;
  #position: number;

  private constructor(stream: LogChunk['stream'], file: FileHandle, position: number) {
    this.#stream = stream;
    this.#file = file;
    this.#position = position;
  }

  static async open(stream: LogChunk['stream'], path: string, { since, tail }: LogOptions): Promise<LogFile> {
    const file = await open(path);
    try {
      const { size, mtimeMs } = await file.stat();
      const isSilent = since !== undefined && mtimeMs < Date.parse(since);
      if (isSilent) return new LogFile(stream, file, size);
      return new LogFile(stream, file, tail === undefined ? 0 : await startOfTail(file, size, tail));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async *newChunks(signal?: AbortSignal): AsyncGenerator<LogChunk> {
    while (!signal?.aborted) {
      const { bytesRead, buffer } = await this.#file.read(Buffer.alloc(chunkBytes), 0, chunkBytes, this.#position);
      if (bytesRead === 0) return;
      this.#position += bytesRead;
      yield { stream: this.#stream, bytes: buffer.subarray(0, bytesRead) };
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Where the last lines of a file begin, found from its end. */
async function startOfTail(file: FileHandle, sizeBytes: number, lines: number): Promise<number> {
  let left = lines;
  if (left <= 0) return sizeBytes;
  for (let end = sizeBytes; end > 0; ) {
    const start = Math.max(0, end - chunkBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
    for (let at = bytesRead - 1; at >= 0; at -= 1) {
      // The newline at the very end ends the last line, it begins none.
      if (buffer[at] !== newline || start + at === sizeBytes - 1) continue;
      left -= 1;
      if (left === 0) return start + at + 1;
    }
    end = start;
  }
  return 0;
}

/** Tells when something may have changed in a folder since it was last asked. */
class Changes {
  readonly #watcher: FSWatcher | undefined;
  #hasChanged = false;
  #wake: (() => void) | undefined;

  constructor(folder: string) {
    try {
      this.#watcher = watch(folder, { persistent: false }, () => this.notice());
      this.#watcher.on('error', () => {});
    } catch {
      // The machine has no more watches: the backstop alone goes on.
    }
  }

  readonly notice = (): void => {
    this.#hasChanged = true;
    this.#wake?.();
  };

  async next(): Promise<void> {
    if (!this.#hasChanged) await this.#wait();
    this.#hasChanged = false;
  }

  close(): void {
    this.#watcher?.close();
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, backstopMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
