import { retry } from '../base/retry.ts';
import type { ReportedMailbox } from './reported-mailbox.ts';
import type { RunStore } from './run-store.ts';

/** How many messages are read from the store at once. */
const batchSize = 100;
const longestRetryMs = 10_000;

/** Carries the store's outbox to the mailbox, in order, again after a failure. Delivering twice is harmless. */
export class Publisher {
  readonly #store: RunStore;
  readonly #mailbox: ReportedMailbox;
  readonly #onLine: (line: string) => void;
  readonly #closing = new AbortController();
  #delivered = 0;
  #isDirty = false;
  readonly #afterwards: (() => void)[] = [];
  #working: Promise<void> | undefined;

  constructor(options: {
    readonly store: RunStore;
    readonly mailbox: ReportedMailbox;
    readonly onLine: (line: string) => void;
  }) {
    this.#store = options.store;
    this.#mailbox = options.mailbox;
    this.#onLine = options.onLine;
  }

  /** The last message that reached the mailbox; the next commit forgets everything up to it. */
  get deliveredUpTo(): number {
    return this.#delivered;
  }

  /** Says that the store holds new messages; `then` is called once they are in the mailbox, if that happens in time. */
  wake(then?: () => void): void {
    this.#isDirty = true;
    if (then !== undefined) this.#afterwards.push(then);
    if (this.#working !== undefined) return;
    // A failure here means the daemon is stopping: the outbox keeps what is left for the next one.
    this.#working = this.#work()
      .catch(() => undefined)
      .finally(() => {
        this.#working = undefined;
        if (this.#isDirty && !this.#closing.signal.aborted) this.wake();
      });
  }

  /** Resolves when nothing is under way, after `graceMs` at the latest; the next daemon delivers the rest. */
  async close(graceMs: number): Promise<void> {
    const giveUp = setTimeout(() => this.#closing.abort(), graceMs);
    while (this.#working !== undefined) await this.#working;
    clearTimeout(giveUp);
  }

  async #work(): Promise<void> {
    const isRetryable = (error: unknown): true => {
      const reason = error instanceof Error ? error.message : String(error);
      if (!this.#mailbox.hasReported(error)) this.#onLine(`Cannot publish status, trying again: ${reason}`);
      return true;
    };
    while (this.#isDirty) {
      this.#isDirty = false;
      const afterwards = this.#afterwards.splice(0);
      await retry(() => this.#deliver(), { signal: this.#closing.signal, isRetryable, maxDelayMs: longestRetryMs });
      for (const then of afterwards) then();
    }
  }

  async #deliver(): Promise<void> {
    while (true) {
      const batch = await this.#store.pendingOutbox(this.#delivered, batchSize);
      for (const message of batch) {
        await this.#mailbox.put(message.key, message.text);
        this.#delivered = message.id;
      }
      if (batch.length < batchSize) return;
    }
  }
}
