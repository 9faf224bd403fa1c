import { setImmediate } from 'node:timers/promises';
import type { HostStore } from './host-store.ts';
import type { MetricsStore } from './metrics-store.ts';

export interface MetricsKeeperOptions {
  readonly store: MetricsStore;
  readonly hosts: HostStore;
  readonly now: () => Date;
  readonly log: (line: string) => void;
}

const roundMs = 2_000;
/** Of ten minutes of one host each: enough for some thousands of hosts. */
const windowsPerRound = 20;
const pruneMs = 600_000;

/** Writes signs of life and metrics, rolls the latter up and removes what is too old, a little at a time. */
export class MetricsKeeper {
  readonly #options: MetricsKeeperOptions;
  #timer: NodeJS.Timeout | undefined;
  #isRollingUp = false;
  #isClosed = false;
  #prunedAt = 0;

  constructor(options: MetricsKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.#round(), roundMs).unref();
  }

  /** Writes what is left. */
  close(): void {
    clearInterval(this.#timer);
    this.#isClosed = true;
    this.#flush();
  }

  #round(): void {
    const now = this.#options.now().getTime();
    this.#flush();
    void this.#rollUp(now); // Tells its failures itself.
    if (now - this.#prunedAt >= pruneMs) {
      this.#prunedAt = now;
      this.#try(() => this.#prune(now));
    }
  }

  #flush(): void {
    const { hosts, store } = this.#options;
    this.#try(() => hosts.flush());
    this.#try(() => store.flush());
  }

  /** One window at a time: what was asked of the server meanwhile is answered in between. */
  async #rollUp(now: number): Promise<void> {
    if (this.#isRollingUp) return;
    this.#isRollingUp = true;
    for (let windows = 0; windows < windowsPerRound && !this.#isClosed; windows += 1) {
      if (this.#try(() => this.#options.store.rollUp(now, 1)) !== true) break;
      await setImmediate();
    }
    this.#isRollingUp = false;
  }

  #prune(now: number): void {
    const { store, hosts } = this.#options;
    for (const { hostId, settings } of hosts.all()) store.prune(hostId, settings.metrics, now);
  }

  /** Metrics that cannot be kept are no reason to stop serving. */
  #try<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#options.log(`metrics: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }
}
