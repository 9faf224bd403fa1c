import { type Backoff, retryDelayMs } from '../base/retry.ts';
import type { Close, CloseCode } from '../contracts/session-wire.ts';

/** How a stream is closed whose session another link may find again. */
const isAskedAgain: readonly CloseCode[] = ['host-away', 'server-stopping'];
/** How long to ask for a session that was never accepted. */
const firstMs = 15_000;
/** A stream that was open for longer was not lost at once: the next wait is short again. */
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
  /** How long its session waits for its viewer; undefined where it was never accepted. */
  readonly lingerSeconds: number | undefined;
}

/** How often, and for how long, a caller asks again for a session whose stream was lost. All times are in ms of one clock. */
export class CallerPatience {
  #awaySince: number;
  #failures = 0;

  constructor(now: number) {
    this.#awaySince = now;
  }

  /** How long to wait before asking again, in ms; undefined where asking again is no use. */
  waitAfter({ close, openedAt, wasOpen, hasCarried, lingerSeconds }: LostStream, now: number): number | undefined {
    if (!isAskedAgain.includes(close.code)) return undefined;
    if (wasOpen) {
      this.#awaySince = now;
      // A stream that is lost as soon as it opens is asked for less and less often.
      if (now - openedAt > livedMs || hasCarried) this.#failures = 0;
    }
    const mostMs = lingerSeconds === undefined ? firstMs : lingerSeconds * 1_000;
    if (now - this.#awaySince > mostMs) return undefined;
    this.#failures += 1;
    return retryDelayMs(this.#failures, backoff);
  }
}
