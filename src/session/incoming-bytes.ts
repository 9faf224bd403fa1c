import { sessionLimits } from '../contracts/session-wire.ts';
import type { LoggedBytes } from './byte-log.ts';
import { Flow } from './flow.ts';
import type { DataFrame } from './frame.ts';
import { FrameLine } from './frame-line.ts';

/** No larger than a frame can carry. */
function offsetOf(bytes: number): number {
  return Math.min(bytes, sessionLimits.offset);
}

/** Output on its way to its reader, never more than the window. */
export class IncomingBytes {
  /** Resolves with true when all was read, with false when nothing more can be. */
  readonly whole: Promise<boolean>;
  readonly #windowBytes: number;
  readonly #onCredit: (offset: number) => void;
  readonly #parts = new FrameLine();
  readonly #settle: (isWhole: boolean) => void;
  readonly #flow: Flow;
  #consumed = 0;
  #credit: number;
  #failure: { readonly error: unknown } | undefined;
  #awaited: (() => void) | undefined;

  /** `onCredit` is told how far the other side may go. */
  constructor(windowBytes: number, onCredit: (offset: number) => void) {
    this.#windowBytes = windowBytes;
    this.#onCredit = onCredit;
    this.#flow = new Flow(0, windowBytes);
    this.#credit = windowBytes;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.whole = promise;
    this.#settle = resolve;
  }

  /** Offset up to which everything has come. */
  get received(): number {
    return this.#flow.next;
  }

  /** Whether nothing more comes. */
  get isEnded(): boolean {
    return this.#flow.isEnded;
  }

  /** Offset up to which the other side may go. */
  get credit(): number {
    return this.#credit;
  }

  /** The other side goes on at `offset`; returns how many bytes were lost before it. */
  resume(offset: number): number {
    const lost = this.#flow.isEnded ? 0 : Math.max(0, offset - this.#flow.next);
    if (lost > 0) this.#flow.gap(offset);
    this.#consumed += lost;
    this.#credit = offsetOf(this.#credit + lost);
    return lost;
  }

  take(frame: DataFrame): string | undefined {
    const problem = this.#flow.data(frame.offset, frame.bytes.length);
    if (problem === undefined) this.#parts.add(frame);
    this.#wake();
    return problem;
  }

  end(offset: number): string | undefined {
    const problem = this.#flow.end(offset);
    this.#wake();
    return problem;
  }

  /** Nothing more comes; the reader gets what is there, then the error if there is one. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#settle(false);
    this.#wake();
  }

  async *read(): AsyncGenerator<LoggedBytes> {
    for (;;) {
      const part = this.#parts.take();
      if (part?.type === 'data') {
        yield { channel: part.channel, bytes: part.bytes };
        this.#taken(part.bytes.length);
      } else if (this.#flow.isEnded) {
        this.#settle(true);
        return;
      } else if (this.#failure !== undefined) {
        if (this.#failure.error !== undefined) throw this.#failure.error;
        return;
      } else {
        await this.#more();
      }
    }
  }

  #taken(bytes: number): void {
    this.#consumed += bytes;
    const credit = offsetOf(this.#consumed + this.#windowBytes);
    if (credit - this.#credit < this.#windowBytes / 4) return;
    this.#credit = credit;
    this.#flow.credit(credit);
    this.#onCredit(credit);
  }

  async #more(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited = resolve;
    await promise;
  }

  #wake(): void {
    this.#awaited?.();
    this.#awaited = undefined;
  }
}
