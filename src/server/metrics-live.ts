import type { HostId } from '../contracts/fleet-ids.ts';
import type { MetricsSample } from '../contracts/metrics.ts';
import { Waiters } from './waiters.ts';

export interface LiveMetricsOptions {
  readonly latest: (hostId: HostId) => MetricsSample | undefined;
  /** Asks the host for a sample each second, for so many seconds; false where its socket is not open. */
  readonly ask: (hostId: HostId, seconds: number) => boolean;
}

/** How long one question lasts, and when it is asked again: a viewer who leaves costs no more than the rest of it. */
const askedSeconds = 20;
const askAgainMs = 10_000;

/** Samples for those who look right now. */
export class LiveMetrics {
  readonly #options: LiveMetricsOptions;
  readonly #news = new Waiters<HostId>();

  constructor(options: LiveMetricsOptions) {
    this.#options = options;
  }

  /** A sample came. */
  tell(hostId: HostId): void {
    this.#news.tell(hostId);
  }

  /**
   * Each sample as a line, the latest at once. A slow reader gets the newest and misses those between. An empty line begins the reply, and
   * comes now and then, so that nobody in between takes a silent host for a dead connection.
   */
  async *lines(hostId: HostId, signal: AbortSignal): AsyncIterable<string> {
    let told: MetricsSample | undefined;
    let askAt = 0;
    while (!signal.aborted) {
      const now = performance.now();
      if (now >= askAt) {
        this.#options.ask(hostId, askedSeconds);
        askAt = now + askAgainMs;
        yield '\n';
      }
      const sample = this.#options.latest(hostId);
      if (sample !== undefined && sample !== told) {
        told = sample;
        yield `${JSON.stringify(sample)}\n`;
      } else {
        await this.#news.wait(hostId, askAt - now, signal);
      }
    }
  }
}
