interface SharedStart<T> {
  readonly result: Promise<T>;
  /** Aborted when the last caller has left. */
  readonly abandoned: AbortController;
  callers: number;
}

/** Runs one start per key, however many callers ask for it; it is given up when each of them has given up. */
export class SharedStarts<K, T> {
  readonly #running = new Map<K, SharedStart<T>>();

  async run(key: K, signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const shared = this.#running.get(key) ?? this.#begin(key, start);
    if (!shared.abandoned.signal.aborted) return join(shared, signal);
    // What it made is being removed; then this caller's own start finds nothing half-made.
    await shared.result.catch(() => {});
    return this.run(key, signal, start);
  }

  #begin(key: K, start: (signal: AbortSignal) => Promise<T>): SharedStart<T> {
    const abandoned = new AbortController();
    const result = start(abandoned.signal).finally(() => this.#running.delete(key));
    const shared = { result, abandoned, callers: 0 };
    this.#running.set(key, shared);
    return shared;
  }
}

async function join<T>(shared: SharedStart<T>, signal: AbortSignal): Promise<T> {
  const { promise: left, reject } = Promise.withResolvers<never>();
  const leave = () => {
    shared.callers -= 1;
    // The last one stays until what was begun is cleaned up.
    if (shared.callers === 0) shared.abandoned.abort(signal.reason);
    else reject(signal.reason);
  };
  shared.callers += 1;
  signal.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([shared.result, left]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
