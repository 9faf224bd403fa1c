import { type Backoff, retryDelayMs } from '../base/retry.ts';
import type { HostReport } from '../contracts/agent-wire.ts';
import { isAppError } from '../contracts/errors.ts';
import type { Link } from './link.ts';
import { Wake } from './wake.ts';

export type Told = Omit<HostReport, 'sequence'>;

export interface ReportsOptions {
  readonly link: Pick<Link, 'call' | 'ready'>;
  readonly log: (line: string) => void;
}

/** Between two reports: what comes in between goes together. */
const quietMs = 100;
const backoff: Backoff = { delayMs: 250, maxDelayMs: 10_000 };
const refusedMs = 30_000;

/** Tells the server what the host has and what was done. What waits is merged: the server wants the last, and all times. */
export class Reports {
  readonly #options: ReportsOptions;
  readonly #wake = new Wake();
  #waiting: Told[] = [];
  /** Of the last report. The server counts anew with each session, and an agent that starts begins one. */
  #sequence = 0;

  constructor(options: ReportsOptions) {
    this.#options = options;
  }

  add(told: Told): void {
    this.#waiting = merged(this.#waiting, told);
    this.#wake.wake();
  }

  /** The server serves this host again: what waits is sent now. */
  retry(): void {
    this.#wake.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      await this.#options.link.ready(signal);
      const [told] = this.#waiting;
      if (told === undefined) {
        await this.#wake.wait(Number.POSITIVE_INFINITY, signal);
        continue;
      }
      try {
        this.#waiting = this.#waiting.slice(1);
        await this.#send(told, signal);
        failures = 0;
        await new Wake().wait(quietMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        await this.#failed(told, error, { failures, signal });
      }
    }
  }

  async #send(told: Told, signal: AbortSignal): Promise<void> {
    this.#sequence += 1;
    await this.#options.link.call('report', { body: { sequence: this.#sequence, ...told } }, { signal });
  }

  async #failed(
    told: Told,
    error: unknown,
    { failures, signal }: { readonly failures: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const isNeverTaken = isAppError(error, 'invalid-input') || isAppError(error, 'limit-exceeded');
    if (isNeverTaken) return this.#options.log(`The server takes no report: ${error.message}`);
    // What came meanwhile is newer than what failed.
    this.#waiting = this.#waiting.reduce(merged, [told]);
    await this.#wake.wait(isAppError(error, 'refused') ? refusedMs : retryDelayMs(failures, backoff), signal);
  }
}

/** What is told of another revision comes after; of the same, the newer holds and times add up. */
export function merged(waiting: readonly Told[], told: Told): Told[] {
  const last = waiting.at(-1);
  if (last === undefined || (last.revision !== told.revision && last.revision !== undefined)) return [...waiting, told];
  const times = { ...told.times, ...last.times };
  const both = { ...last, ...told, ...(Object.keys(times).length > 0 && { times }) };
  return [...waiting.slice(0, -1), both];
}
