import { type Backoff, retryDelayMs } from '../base/retry.ts';
import type { Close, CloseCode } from '../contracts/session-wire.ts';

/** Of a session that another link may find again. */
const isAskedAgain: readonly CloseCode[] = ['host-away', 'server-stopping'];
/** How long a session is asked for that was never there. */
const firstMs = 15_000;
/** After it, a stream that was open counts as one that held. */
const livedMs = 5_000;
const backoff: Backoff = { delayMs: 20, maxDelayMs: 5_000 };

/** A stream that is over. */
export interface LostStream {
  readonly close: Close;
  readonly openedAt: number;
  /** Whether it was accepted. */
  readonly wasOpen: boolean;
  /** Whether any bytes went through it, in either direction. */
  readonly hasCarried: boolean;
  /** How long its session waits for its viewer; undefined where it was never there. */
  readonly lingerSeconds: number | undefined;
}

/** For how long a session is asked for whose stream was lost, and how often. Each time in ms of one clock. */
export class CallerPatience {
  #awaySince: number;
  #failures = 0;

  constructor(now: number) {
    this.#awaySince = now;
  }

  /** How long to wait before it is asked for again; undefined where it is not. */
  waitAfter({ close, openedAt, wasOpen, hasCarried, lingerSeconds }: LostStream, now: number): number | undefined {
    if (!isAskedAgain.includes(close.code)) return undefined;
    if (wasOpen) {
      this.#awaySince = now;
      // One that goes as soon as it comes is asked less and less.
      if (now - openedAt > livedMs || hasCarried) this.#failures = 0;
    }
    const mostMs = lingerSeconds === undefined ? firstMs : lingerSeconds * 1_000;
    if (now - this.#awaySince > mostMs) return undefined;
    this.#failures += 1;
    return retryDelayMs(this.#failures, backoff);
  }
}
