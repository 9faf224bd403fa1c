/** Looks are at least this far apart. */
const fastestMs = 1_000;
/** A wait is this share of the time in which nothing happened: what changes seldom is looked at seldom. */
const shareOfQuiet = 0.1;

/** How long until the next look, when nothing happened for `quietMs`. */
export function lookDelayMs(quietMs: number, slowestMs: number): number {
  return Math.min(slowestMs, Math.max(fastestMs, quietMs * shareOfQuiet));
}

interface Watch {
  readonly prefix: string;
  isDue: boolean;
  wake: () => void;
}

/**
 * Watches of a mailbox that tells of no change by itself. All of them look at the same moments, so that what one look
 * costs is paid once. Looks are close together after something happened under a watched prefix, and rare in between.
 */
export class PolledWatches {
  readonly #slowestMs: number;
  readonly #watches = new Set<Watch>();
  #newsAtMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(slowestMs: number) {
    this.#slowestMs = slowestMs;
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncGenerator<void> {
    const watch: Watch = { prefix, isDue: false, wake: () => undefined };
    this.#watches.add(watch);
    this.#haveNews();
    try {
      while (!signal.aborted) {
        watch.isDue = false;
        yield;
        await due(watch, signal);
      }
    } finally {
      this.#watches.delete(watch);
      if (this.#watches.size === 0) clearTimeout(this.#timer);
    }
  }

  /** A message was read here: whoever sent it may send more. */
  wasRead(key: string): void {
    if (this.#watchesOf(key).length > 0) this.#haveNews();
  }

  /** A message was put or deleted here: watches here need not wait for a look. */
  wasChanged(key: string): void {
    for (const watch of this.#watchesOf(key)) makeDue(watch);
    this.wasRead(key);
  }

  #watchesOf(key: string): Watch[] {
    return [...this.#watches].filter(({ prefix }) => key.startsWith(prefix));
  }

  #haveNews(): void {
    this.#newsAtMs = performance.now();
    this.#planLook();
  }

  #planLook(): void {
    clearTimeout(this.#timer);
    const quietMs = performance.now() - this.#newsAtMs;
    this.#timer = setTimeout(() => this.#look(), lookDelayMs(quietMs, this.#slowestMs));
  }

  #look(): void {
    for (const watch of this.#watches) makeDue(watch);
    this.#planLook();
  }
}

function makeDue(watch: Watch): void {
  watch.isDue = true;
  watch.wake();
}

/** Resolves at the next look, at once if one was missed meanwhile, or when aborted. */
function due(watch: Watch, signal: AbortSignal): Promise<void> {
  if (watch.isDue || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const settle = () => {
      signal.removeEventListener('abort', settle);
      resolve();
    };
    signal.addEventListener('abort', settle);
    watch.wake = settle;
  });
}
