import * as z from 'zod';
import { type Backoff, retryDelayMs } from '../base/retry.ts';
import { isAppError } from '../contracts/errors.ts';
import type { KeptTarget } from './desired.ts';
import type { Link } from './link.ts';
import { Wake } from './wake.ts';

export interface TargetLoopOptions {
  readonly link: Link;
  /** Of the target that is held; undefined where none is. */
  readonly etag: () => string | undefined;
  /** Takes what came, or raises why not. */
  readonly take: (target: KeptTarget) => Promise<void>;
  readonly log: (line: string) => void;
}

const waitSeconds = 50;
/** More than the server may need to answer after it has waited. */
const answerMs = (waitSeconds + 20) * 1_000;
const backoff: Backoff = { delayMs: 500, maxDelayMs: 15_000 };
/** A server that does not wait is not asked all the time. */
const shortestMs = 1_000;
/** How long a request that waits may take to bring what a nudge told of, before it is asked for anew. */
const nudgeGraceMs = 300;
/** Where the server has no host to tell of: until somebody approves it, which a heartbeat tells earlier. */
const refusedMs = 30_000;
const nothingYet = '"none"';

const signedSchema = z.object({ state: z.unknown(), signature: z.string().max(128) });

/** Holds a request at the server that is answered once something new is declared. */
export class TargetLoop {
  readonly #options: TargetLoopOptions;
  readonly #wake = new Wake();
  #asking: AbortController | undefined;
  #taken = 0;
  #failure: string | undefined;

  constructor(options: TargetLoopOptions) {
    this.#options = options;
  }

  /** There is something new: the request that waits should bring it, else another one does. */
  nudge(): void {
    this.#wake.wake();
    const asking = this.#asking;
    const before = this.#taken;
    setTimeout(() => {
      if (this.#asking === asking && this.#taken === before) asking?.abort();
    }, nudgeGraceMs).unref();
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      await this.#options.link.ready(signal);
      if (signal.aborted) return;
      const askedAt = performance.now();
      try {
        const isNews = await this.#ask(signal);
        failures = 0;
        this.#failure = undefined;
        const quietMs = performance.now() - askedAt;
        if (!isNews && quietMs < shortestMs) await this.#wake.wait(shortestMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        await this.#waitAfter(error, failures, signal);
      }
    }
  }

  async #ask(signal: AbortSignal): Promise<boolean> {
    const asking = new AbortController();
    this.#asking = asking;
    const { link, etag, take } = this.#options;
    try {
      const response = await link.send(
        'desired',
        { query: { waitSeconds } },
        {
          signal: AbortSignal.any([signal, asking.signal]),
          timeoutMs: answerMs,
          headers: { 'if-none-match': etag() ?? nothingYet },
        },
      );
      if (response.status === 304) return false;
      const body = signedSchema.parse(await response.json());
      await take({ etag: response.headers.get('etag') ?? '', state: body.state, signature: body.signature });
      this.#taken += 1;
      return true;
    } catch (error) {
      if (asking.signal.aborted && !signal.aborted) return true;
      throw error;
    } finally {
      if (this.#asking === asking) this.#asking = undefined;
    }
  }

  async #waitAfter(error: unknown, failures: number, signal: AbortSignal): Promise<void> {
    const isRefused = isAppError(error, 'refused');
    const waitMs = isRefused ? refusedMs : retryDelayMs(failures, backoff);
    const isTold = isRefused || isAppError(error, 'unreachable') || isAppError(error, 'unauthenticated');
    if (!isTold) this.#tell(`Cannot take what is declared: ${error instanceof Error ? error.message : error}`);
    await this.#wake.wait(waitMs, signal);
  }

  /** Each failure once, however often it is tried again. */
  #tell(failure: string): void {
    if (failure !== this.#failure) this.#options.log(failure);
    this.#failure = failure;
  }
}
