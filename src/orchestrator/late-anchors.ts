import { sleep } from '../base/deadline.ts';
import { retryDelayMs } from '../base/retry.ts';
import type { RunId } from '../contracts/ids.ts';

const waits = { delayMs: 1_000, maxDelayMs: 60_000 } as const;

export interface LateAnchorsOptions {
  /** Tries once more. False: an anchor still cannot be reached. */
  readonly settle: (runId: RunId) => Promise<boolean>;
  readonly onProblem: (runId: RunId, error: unknown) => void;
  readonly signal: AbortSignal;
}

/** Runs whose seal has yet to reach an anchor, tried again one after the other until each did. */
export class LateAnchors {
  readonly #options: LateAnchorsOptions;
  readonly #runIds = new Set<RunId>();
  #working: Promise<void> | undefined;

  constructor(options: LateAnchorsOptions) {
    this.#options = options;
  }

  add(runId: RunId): void {
    this.#runIds.add(runId);
    this.#working ??= this.#work()
      // Only the daemon's end rejects this; the next one finds the runs in its store.
      .catch(() => this.#runIds.clear())
      .finally(() => {
        this.#working = undefined;
        // Added after the last look.
        for (const late of this.#runIds) this.add(late);
      });
  }

  /** Resolves once nothing is under way; the signal has to be aborted first. */
  async ended(): Promise<void> {
    await this.#working;
  }

  async #work(): Promise<void> {
    for (let fruitless = 1; this.#runIds.size > 0; fruitless += 1) {
      await sleep(retryDelayMs(fruitless, waits), this.#options.signal);
      for (const runId of [...this.#runIds]) {
        this.#runIds.delete(runId);
        if (await this.#isSettled(runId)) {
          fruitless = 0;
          continue;
        }
        // To the end of the line: what is the matter with one run keeps no other waiting for ever.
        this.#runIds.add(runId);
        break;
      }
    }
  }

  async #isSettled(runId: RunId): Promise<boolean> {
    try {
      return await this.#options.settle(runId);
    } catch (error) {
      this.#options.signal.throwIfAborted();
      this.#options.onProblem(runId, error);
      return false;
    }
  }
}
