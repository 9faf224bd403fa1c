import type { EndingReason } from './outcome.ts';

/** Why a run is ended from outside, decided once: the first reason counts. */
export class Ending {
  readonly #controller = new AbortController();
  #isOver = false;

  because(reason: EndingReason): void {
    // After the command's own end nothing outside ended it.
    if (!this.#isOver) this.#controller.abort(reason);
  }

  /** The command ended; a later reason is none. */
  close(): void {
    this.#isOver = true;
  }

  get reason(): EndingReason | undefined {
    return this.#controller.signal.aborted ? this.#controller.signal.reason : undefined;
  }

  onBegun(listener: (reason: EndingReason) => void): void {
    const { signal } = this.#controller;
    signal.addEventListener('abort', () => listener(signal.reason), { once: true });
  }
}
