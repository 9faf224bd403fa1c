import { sleep } from '../base/deadline.ts';
import { retryDelayMs } from '../base/retry.ts';
import type { RunId } from '../contracts/ids.ts';

const waits = { delayMs: 1_000, maxDelayMs: 60_000 } as const;

export interface LateAnchorsOptions {
  /** Tries once more, but not with those known to be `unreachable`. Gives the anchors that still are; none: it is settled. */
  readonly settle: (runId: RunId, unreachable: ReadonlySet<string>) => Promise<readonly string[]>;
  readonly onProblem: (runId: RunId, error: unknown) => void;
  readonly signal: AbortSignal;
}

/** Runs whose seal has yet to reach an anchor, tried again one after the other until each did. */
export class LateAnchors {
  readonly #options: LateAnchorsOptions;
  /** With the anchors that are known to keep each waiting. */
  readonly #owed = new Map<RunId, readonly string[]>();
  #working: Promise<void> | undefined;

  constructor(options: LateAnchorsOptions) {
    this.#options = options;
  }

  add(runId: RunId, owed: readonly string[] = []): void {
    this.#owed.set(runId, owed);
    this.#working ??= this.#work()
      // Only the daemon's end rejects this; the next one finds the runs in its store.
      .catch(() => this.#owed.clear())
      .finally(() => {
        this.#working = undefined;
        // Added after the last look.
        for (const [late, anchors] of this.#owed) this.add(late, anchors);
      });
  }

  /** Resolves once nothing is under way; the signal has to be aborted first. */
  async ended(): Promise<void> {
    await this.#working;
  }

  async #work(): Promise<void> {
    for (let fruitless = 1; this.#owed.size > 0; fruitless += 1) {
      await sleep(retryDelayMs(fruitless, waits), this.#options.signal);
      if (await this.#passThrough()) fruitless = 0;
    }
  }

  /** One try for each run, but not for those that wait for an anchor which another was tried with in vain. */
  async #passThrough(): Promise<boolean> {
    const unreachable = new Set<string>();
    let isFruitful = false;
    for (const [runId, owed] of [...this.#owed]) {
      if (owed.some((id) => unreachable.has(id))) continue;
      this.#owed.delete(runId);
      const left = await this.#settle(runId, unreachable);
      isFruitful ||= left?.length === 0;
      if (left?.length === 0) continue;
      // To the end of the line: what is the matter with one run keeps no other waiting for ever.
      this.#owed.set(runId, left ?? owed);
      for (const id of left ?? []) unreachable.add(id);
    }
    return isFruitful;
  }

  /** Undefined when it failed for a reason of its own. */
  async #settle(runId: RunId, unreachable: ReadonlySet<string>): Promise<readonly string[] | undefined> {
    try {
      return await this.#options.settle(runId, unreachable);
    } catch (error) {
      this.#options.signal.throwIfAborted();
      this.#options.onProblem(runId, error);
      return undefined;
    }
  }
}
