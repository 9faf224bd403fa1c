import { retry } from '../base/retry.ts';
import { isAppError } from '../contracts/errors.ts';
import type { LogChunk, LogOptions } from './compute.ts';

type OpenLog = (options: LogOptions) => AsyncIterable<LogChunk>;

/** A log to its end, over breaks of the connection: it is opened again where it was, and nothing is told twice. */
export async function* followedLog(open: OpenLog, options: LogOptions, maxDelayMs: number): AsyncGenerator<LogChunk> {
  const { timestamps = false, tail, ...others } = options;
  const { signal } = others;
  const position = new LogPosition();
  let log: AsyncIterator<LogChunk> | undefined;
  const next = async () => {
    const start = position.at === undefined ? { ...(tail !== undefined && { tail }) } : { since: position.at };
    log ??= open({ ...others, ...start, timestamps: true })[Symbol.asyncIterator]();
    try {
      return await log.next();
    } catch (error) {
      log = undefined;
      position.reopen();
      throw error;
    }
  };
  const isRetryable = (error: unknown) => isAppError(error, 'unreachable');
  try {
    for (;;) {
      const read = await retry(next, { delayMs: 50, maxDelayMs, isRetryable, ...(signal && { signal }) });
      if (read.done === true) return;
      const { at, ...chunk } = position.pass(read.value);
      if (chunk.bytes.length > 0) yield timestamps && at !== undefined ? { ...chunk, at } : chunk;
    }
  } finally {
    await log?.return?.();
  }
}

/** How far a log was read: a time, and how much of what was written at that time. */
class LogPosition {
  #at: string | undefined;
  #seen = { stdout: 0, stderr: 0 };
  #known = { stdout: 0, stderr: 0 };

  get at(): string | undefined {
    return this.#at;
  }

  /** What was written at that very time will come again. */
  reopen(): void {
    this.#known = { ...this.#seen };
  }

  /** A chunk without what was passed before. */
  pass(chunk: LogChunk): LogChunk {
    const { stream, at, bytes } = chunk;
    if (at !== this.#at) {
      this.#at = at;
      this.#seen = { stdout: 0, stderr: 0 };
      this.#known = { stdout: 0, stderr: 0 };
    }
    const fresh = bytes.subarray(this.#known[stream]);
    this.#known[stream] -= bytes.length - fresh.length;
    this.#seen[stream] += fresh.length;
    return { ...chunk, bytes: fresh };
  }
}
