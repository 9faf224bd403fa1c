/** Callers that wait for something to happen to a key. */
export class Waiters<Key> {
  readonly #waiting = new Map<Key, Set<() => void>>();

  /** Resolves once it is told, the time is over, or the signal aborts. */
  wait(key: Key, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, waiting);
      const finish = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', finish);
        waiting.delete(finish);
        if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
        resolve();
      };
      const timer = setTimeout(finish, timeoutMs);
      signal.addEventListener('abort', finish);
      waiting.add(finish);
    });
  }

  tell(key: Key): void {
    for (const finish of this.#waiting.get(key) ?? []) finish();
  }
}
