import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { LogChunk, LogOptions } from './compute.ts';
import type { TaskFolder } from './process-folder.ts';

const chunkBytes = 64 * 1024;
/** How long a change may go unseen where watching is not reliable. */
const backstopMs = 1_000;

/** The output of a worker from its start; with `follow` until `isOver` says that nothing more comes. */
export async function* readLogs(
  folder: TaskFolder,
  { follow = false, signal }: LogOptions,
  worker: { readonly isOver: () => boolean; readonly over: Promise<unknown> },
): AsyncGenerator<LogChunk> {
  const sources = await openLogs(folder);
  const changes = new Changes(folder.logs);
  void worker.over.then(() => changes.notice());
  signal?.addEventListener('abort', changes.notice);
  try {
    for (;;) {
      // Asked before reading: what is written until then is read below.
      const isLast = !follow || worker.isOver();
      for (const source of sources) yield* source.newChunks(signal);
      if (isLast || signal?.aborted) return;
      await changes.next();
    }
  } finally {
    signal?.removeEventListener('abort', changes.notice);
    changes.close();
    for (const source of sources) await source.close();
  }
}

async function openLogs(folder: TaskFolder): Promise<LogFile[]> {
  const stdout = await open(folder.stdout);
  try {
    return [new LogFile('stdout', stdout), new LogFile('stderr', await open(folder.stderr))];
  } catch (error) {
    await stdout.close();
    throw error;
  }
}

class LogFile {
  readonly #stream: LogChunk['stream'];
  readonly #file: FileHandle;
  #position = 0;

  constructor(stream: LogChunk['stream'], file: FileHandle) {
    this.#stream = stream;
    this.#file = file;
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
