import { sleep } from '../base/deadline.ts';
import type { HostStore } from './host-store.ts';
import type { MetricsStore } from './metrics-store.ts';

export interface MetricsKeeperOptions {
  readonly store: MetricsStore;
  readonly hosts: HostStore;
  readonly now: () => Date;
  readonly log: (line: string) => void;
}

/** What a thousand hosts send meanwhile is written in a millisecond or so. */
const flushMs = 100;
/** How often it is looked for what can be rolled up or removed. */
const tidyMs = 500;
/** After each step of a millisecond or so: for some thousands of hosts all are taken before there are new ones. */
const pauseMs = 2;
const pruneMs = 600_000;
const tellAgainMs = 60_000;

/** Writes signs of life and metrics, rolls the latter up and removes what is too old, a little at a time. */
export class MetricsKeeper {
  readonly #options: MetricsKeeperOptions;
  #timer: NodeJS.Timeout | undefined;
  readonly #closing = new AbortController();
  #isBusy = false;
  #tidiedAt = Number.NEGATIVE_INFINITY;
  #prunedAt = 0;
  /** When each failure was told last, of `performance.now()`. */
  readonly #toldAt = new Map<string, number>();

  constructor(options: MetricsKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.#round(), flushMs).unref();
  }

  /** Writes what is left. */
  close(): void {
    clearInterval(this.#timer);
    this.#closing.abort();
    this.#flush();
  }

  #round(): void {
    this.#flush();
    if (performance.now() - this.#tidiedAt < tidyMs) return;
    this.#tidiedAt = performance.now();
    void this.#tidy(); // Tells its failures itself.
  }

  #flush(): void {
    const { hosts, store } = this.#options;
    this.#try(() => hosts.flush());
    this.#try(() => store.flush());
  }

  /** A step at a time: what was asked of the server meanwhile is answered in between. */
  async #tidy(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    const now = this.#options.now().getTime();
    const steps = this.#steps(now);
    while (this.#try(() => steps.next().done) === false) {
      await sleep(pauseMs, this.#closing.signal).catch(() => undefined);
      if (this.#closing.signal.aborted) break;
    }
    this.#isBusy = false;
  }

  *#steps(now: number): Generator<void> {
    const { store, hosts } = this.#options;
    yield* store.rollUp(now);
    if (now - this.#prunedAt < pruneMs) return;
    this.#prunedAt = now;
    for (const { hostId, settings } of hosts.all()) {
      store.prune(hostId, settings.metrics, now);
      yield;
    }
  }

  /** Metrics that cannot be kept are no reason to stop serving. The same failure is told once a minute. */
  #try<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#tell(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  #tell(message: string): void {
    const now = performance.now();
    if (now - (this.#toldAt.get(message) ?? Number.NEGATIVE_INFINITY) < tellAgainMs) return;
    for (const [other, at] of this.#toldAt) if (now - at >= tellAgainMs) this.#toldAt.delete(other);
    this.#toldAt.set(message, now);
    this.#options.log(`metrics: ${message}`);
  }
}
