import type { HostStore } from './host-store.ts';
import type { MetricsStore } from './metrics-store.ts';

export interface MetricsKeeperOptions {
  readonly store: MetricsStore;
  readonly hosts: HostStore;
  readonly now: () => Date;
  readonly log: (line: string) => void;
}

const flushMs = 2_000;
const flushesPerRollUp = 5;
/** So that one round holds the server up for some milliseconds only. */
const windowsAtOnce = 25;
const pruneMs = 600_000;

/** Writes metrics, rolls them up and removes what is too old, a little at a time. */
export class MetricsKeeper {
  readonly #options: MetricsKeeperOptions;
  #timer: NodeJS.Timeout | undefined;
  #rounds = 0;
  #prunedAt = 0;

  constructor(options: MetricsKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.#round(), flushMs).unref();
  }

  /** Writes what is left. */
  close(): void {
    clearInterval(this.#timer);
    this.#try(() => this.#options.store.flush());
  }

  #round(): void {
    const { store } = this.#options;
    const now = this.#options.now().getTime();
    this.#rounds += 1;
    this.#try(() => store.flush());
    if (this.#rounds % flushesPerRollUp === 0) this.#try(() => store.rollUp(now, windowsAtOnce));
    if (now - this.#prunedAt >= pruneMs) {
      this.#prunedAt = now;
      this.#try(() => this.#prune(now));
    }
  }

  #prune(now: number): void {
    const { store, hosts } = this.#options;
    for (const { hostId, settings } of hosts.all()) store.prune(hostId, settings.metrics, now);
  }

  /** Metrics that cannot be kept are no reason to stop serving. */
  #try(work: () => unknown): void {
    try {
      work();
    } catch (error) {
      this.#options.log(`metrics: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
