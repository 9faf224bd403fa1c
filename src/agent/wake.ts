/** The longest that a timer of Node waits. */
const longestMs = 2 ** 31 - 1;

/** A wait of one waiter that can be cut short. To wake nobody is kept for who waits next. */
export class Wake {
  #isDue = false;
  #resolve: (() => void) | undefined;

  wake(): void {
    this.#isDue = true;
    this.#resolve?.();
  }

  /** Resolves when woken, after `ms`, or with the signal. True when it was woken. */
  async wait(ms: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#isDue && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const end = () => resolve();
      this.#resolve = end;
      const timer = Number.isFinite(ms) ? setTimeout(end, Math.min(Math.max(0, ms), longestMs)) : undefined;
      signal.addEventListener('abort', end, { once: true });
      await promise;
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
    }
    const isDue = this.#isDue;
    this.#isDue = false;
    return isDue;
  }
}
