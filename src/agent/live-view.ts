import { sleep } from '../base/deadline.ts';
import type { MetricsSample } from '../contracts/metrics.ts';

export interface LiveViewOptions {
  readonly measure: (signal: AbortSignal) => Promise<MetricsSample | undefined>;
  readonly send: (sample: MetricsSample) => void;
  readonly signal: AbortSignal;
}

const everyMs = 1_000;

/** Measures each second while somebody watches. */
export class LiveView {
  readonly #options: LiveViewOptions;
  #until = 0;
  #isWatching = false;

  constructor(options: LiveViewOptions) {
    this.#options = options;
  }

  watch(seconds: number): void {
    this.#until = performance.now() + seconds * 1_000;
    if (this.#isWatching) return;
    this.#isWatching = true;
    void this.#watch().finally(() => {
      this.#isWatching = false;
    });
  }

  async #watch(): Promise<void> {
    const { measure, send, signal } = this.#options;
    while (performance.now() < this.#until && !signal.aborted) {
      try {
        const sample = await measure(signal);
        if (sample !== undefined) send(sample);
        await sleep(everyMs, signal);
      } catch {
        return; // The agent ends, or the heartbeat tells what cannot be measured.
      }
    }
  }
}
