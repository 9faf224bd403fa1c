import { sleep, withDeadline } from '../base/deadline.ts';
import type { Heartbeat as Beat, HeartbeatReply } from '../contracts/agent-wire.ts';
import { isAppError } from '../contracts/errors.ts';
import type { MetricsSample } from '../contracts/metrics.ts';
import type { EngineState } from './engine-watch.ts';
import type { Link } from './link.ts';
import type { SampleQueue } from './sample-queue.ts';
import { Wake } from './wake.ts';

export interface HeartbeatOptions {
  readonly link: Link;
  readonly samples: SampleQueue;
  readonly engine: () => EngineState;
  readonly intervalMs: () => number;
  /** Undefined where nothing is measured. */
  readonly measure: (signal: AbortSignal) => Promise<MetricsSample | undefined>;
  /** What changed since the last heartbeat that arrived; undefined where nothing did. */
  readonly facts: () => Beat['facts'];
  readonly onReply: (reply: HeartbeatReply, roundTrip: RoundTrip) => Promise<void>;
  readonly log: (line: string) => void;
}

/** On the agent's clock, in milliseconds. */
export interface RoundTrip {
  /** That were told. */
  readonly facts?: Beat['facts'];
  readonly sentAt: number;
  readonly receivedAt: number;
}

const answerMs = 10_000;
/**
 * How long a heartbeat waits for what is measured, and never for longer than its interval: with an engine or a driver in trouble it
 * goes without, and the next one brings it.
 */
const patienceMs = 3_000;
const longestMs = 60_000;
/** How often what could not be sent is put on disk. */
const saveMs = 60_000;

/** Measures at each interval, whether the server is there or not, and tells it. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #wake = new Wake();
  #savedAt = performance.now();
  #measuring: Promise<void> | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Something is to be told before the interval is over. */
  soon(): void {
    this.#wake.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    let nextAt = performance.now();
    while (!signal.aborted) {
      const isDue = performance.now() >= nextAt;
      if (isDue) {
        nextAt = performance.now() + this.#options.intervalMs();
        await this.#measureInTime(signal);
      }
      await this.#send(signal);
      await this.#wake.wait(Math.min(nextAt - performance.now(), this.#options.intervalMs()), signal);
    }
    this.#savedAt = Number.NEGATIVE_INFINITY;
    await this.#saveSometimes();
  }

  /** Never two at once, and nothing is waited for twice. */
  async #measureInTime(signal: AbortSignal): Promise<void> {
    if (this.#measuring !== undefined) return;
    this.#measuring = this.#measure(signal).finally(() => {
      this.#measuring = undefined;
    });
    const isMeasured = new AbortController();
    const waitMs = Math.min(patienceMs, this.#options.intervalMs());
    const tooLate = sleep(waitMs, AbortSignal.any([signal, isMeasured.signal])).catch(() => undefined);
    await Promise.race([this.#measuring, tooLate]);
    isMeasured.abort();
  }

  async #measure(signal: AbortSignal): Promise<void> {
    const { measure, samples, log } = this.#options;
    try {
      const sample = await measure(withDeadline(longestMs, signal));
      if (sample !== undefined) samples.add(sample);
    } catch (error) {
      if (!signal.aborted) log(`Cannot measure: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #send(signal: AbortSignal): Promise<void> {
    const { link, samples, engine, facts, onReply } = this.#options;
    if (signal.aborted) return;
    if (!link.isRegistered) return await this.#saveSometimes();
    const sent = samples.peek();
    const changed = facts();
    const sentAt = Date.now();
    const body: Beat = {
      agentTime: new Date(sentAt).toISOString(),
      engine: engine(),
      samples: sent,
      ...(changed !== undefined && { facts: changed }),
    };
    try {
      const reply = await link.call('heartbeat', { body }, { signal, timeoutMs: answerMs });
      samples.sent(sent);
      if (samples.size > 0) this.#wake.wake();
      await onReply(reply, { sentAt, receivedAt: Date.now(), facts: changed });
    } catch (error) {
      if (signal.aborted) return;
      await this.#failed(error, sent);
    }
  }

  async #failed(error: unknown, sent: readonly MetricsSample[]): Promise<void> {
    // What the server does not take now it will not take later either.
    if (isAppError(error, 'invalid-input') || isAppError(error, 'limit-exceeded')) this.#options.samples.sent(sent);
    if (!isAppError(error, 'unreachable') && !isAppError(error, 'unauthenticated')) {
      this.#options.log(error instanceof Error ? error.message : String(error));
    }
    await this.#saveSometimes();
  }

  async #saveSometimes(): Promise<void> {
    if (performance.now() - this.#savedAt < saveMs) return;
    this.#savedAt = performance.now();
    await this.#options.samples
      .save()
      .catch((error: unknown) => this.#options.log(`Cannot keep samples: ${String(error)}`));
  }
}
