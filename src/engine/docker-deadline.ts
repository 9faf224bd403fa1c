import { addAbortSignal, type Readable } from 'node:stream';
import type { ByteStream } from './engine.ts';

/** Aborts its signal once the engine has kept us waiting for `ms` at a stretch, or with the caller's. */
export class Deadline {
  readonly signal: AbortSignal;
  readonly ms: number;
  readonly #expired = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  /** Infinity waits for as long as the caller does. */
  constructor(ms: number, caller?: AbortSignal) {
    this.ms = ms;
    this.signal = caller === undefined ? this.#expired.signal : AbortSignal.any([this.#expired.signal, caller]);
  }

  get isExpired(): boolean {
    return this.#expired.signal.aborted;
  }

  restart(): void {
    clearTimeout(this.#timer);
    if (this.ms !== Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#expired.abort(), this.ms);
  }

  pause(): void {
    clearTimeout(this.#timer);
  }

  /** What we send, timed only while the engine does not take it. */
  async *sending(content: ByteStream): AsyncGenerator<Uint8Array> {
    this.pause();
    for await (const chunk of content) {
      this.restart();
      yield chunk;
      this.pause();
    }
    this.restart();
  }

  /** What the engine sends, timed only while we wait for it. */
  async *receiving(answer: Readable): AsyncGenerator<Uint8Array> {
    addAbortSignal(this.signal, answer);
    this.restart();
    try {
      for await (const chunk of answer as AsyncIterable<Uint8Array>) {
        this.pause();
        yield chunk;
        this.restart();
      }
    } finally {
      this.pause();
    }
  }
}

/** Rejects as soon as the signal aborts: the client does not settle every call whose connection broke. */
export async function unlessAborted<T>(signal: AbortSignal, call: Promise<T>): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([call, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
