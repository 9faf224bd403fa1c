import { sessionLimits } from '../contracts/session-wire.ts';
import { ByteLog } from './byte-log.ts';
import type { SeatTable } from './seat-table.ts';

export interface SessionOutputOptions {
  readonly seats: Pick<SeatTable, 'pace' | 'untoldBytes' | 'awaySince'>;
  /** Whether output is read on while nobody is there, its oldest part forgotten; else it waits for somebody. */
  readonly readsOn: boolean;
  /** How much output is kept, in bytes. */
  readonly replayBytes: number;
}

/** Output of a session: all that its fastest viewer has not read, and the last of what was read, for viewers who come back. */
export class SessionOutput {
  readonly log: ByteLog;
  readonly #options: SessionOutputOptions;
  #replayBytes: number;
  #isClosed = false;
  #awaited: (() => void) | undefined;

  constructor(options: SessionOutputOptions) {
    this.#options = options;
    this.#replayBytes = options.replayBytes;
    this.log = new ByteLog(options.replayBytes);
  }

  /** Resolves when there is room for a piece, or it is closed. */
  async hasRoom(): Promise<void> {
    while (!this.#isClosed && this.#isFull()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#awaited = resolve;
      await promise;
    }
  }

  /** How much is kept from now on. What is not read stays until it is. */
  keep(replayBytes: number): void {
    this.#replayBytes = replayBytes;
    this.forget();
  }

  /** Frees what need not be kept any more. */
  forget(): void {
    const unreadBytes = this.#readsOn ? 0 : this.#unreadBytes;
    this.log.keep(Math.max(this.#keptBytes, unreadBytes));
    this.lookAgain();
  }

  /** Lets `hasRoom` check again: a viewer came, left or read on. */
  lookAgain(): void {
    this.#awaited?.();
    this.#awaited = undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.lookAgain();
  }

  /** Whether the next bytes would push out some that the fastest viewer has not read. */
  #isFull(): boolean {
    return !this.#readsOn && this.#unreadBytes > this.#keptBytes - sessionLimits.pieceBytes;
  }

  /** Whether its oldest output is forgotten, read or not. */
  get #readsOn(): boolean {
    return this.#options.readsOn && this.#options.seats.awaySince !== undefined;
  }

  get #unreadBytes(): number {
    return this.log.end - Math.max(this.log.start, this.#options.seats.pace);
  }

  /** At least what a viewer may have read since its last credit, and a piece: with less, output could wait for ever. */
  get #keptBytes(): number {
    return Math.max(this.#replayBytes, this.#options.seats.untoldBytes + sessionLimits.pieceBytes);
  }
}
