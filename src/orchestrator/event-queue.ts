/** What the loop waits on: events in the order they came, all of them at once per turn. */
export class EventQueue<Event> {
  #events: Event[] = [];
  #wake: (() => void) | undefined;

  push(event: Event): void {
    this.#events.push(event);
    this.#wake?.();
  }

  /** Puts events back in front, for a turn that could not be committed. */
  pushBack(events: readonly Event[]): void {
    this.#events.unshift(...events);
  }

  drain(): Event[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** Resolves when there is an event, at `untilMs` on the clock of `Date.now`, or when aborted. */
  async ready(untilMs: number | undefined, signal: AbortSignal): Promise<void> {
    if (this.#events.length > 0) {
      // Lets whatever else is about to finish join this turn's transaction.
      await new Promise((resolve) => setImmediate(resolve));
      return;
    }
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const longest = 2 ** 31 - 1;
      const waitMs = untilMs === undefined ? undefined : Math.min(Math.max(0, untilMs - Date.now()), longest);
      const timer = waitMs === undefined ? undefined : setTimeout(done, waitMs);
      const wake = this;
      signal.addEventListener('abort', done, { once: true });
      this.#wake = done;
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        wake.#wake = undefined;
        resolve();
      }
    });
  }
}
