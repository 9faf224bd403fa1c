import { withDeadline } from '../base/deadline.ts';
import type { Compute, LogChunk, TaskHandle } from '../compute/compute.ts';

/** After the worker's end its last lines get this long to be shown; the transcript has them in any case. */
const drainMs = 2_000;

/** Hands on what a worker prints, until its end. */
export class OutputFollower {
  readonly #compute: Compute;
  readonly #onOutput: ((chunk: LogChunk) => void | Promise<void>) | undefined;
  readonly #over = new AbortController();
  #following: Promise<void> = Promise.resolve();

  constructor(compute: Compute, onOutput: ((chunk: LogChunk) => void | Promise<void>) | undefined) {
    this.#compute = compute;
    this.#onOutput = onOutput;
  }

  follow(handle: TaskHandle): void {
    const onOutput = this.#onOutput;
    if (onOutput === undefined) return;
    // A view that breaks off must not end the work.
    this.#following = this.#pass(handle, onOutput).catch(() => undefined);
  }

  /** Resolves once everything was handed on, or the time for that is over. Called after the worker's end. */
  async drained(): Promise<void> {
    const deadline = withDeadline(drainMs);
    const late = new Promise<void>((resolve) => deadline.addEventListener('abort', () => resolve()));
    await Promise.race([this.#following, late]);
    this.#over.abort();
  }

  async #pass(handle: TaskHandle, onOutput: (chunk: LogChunk) => void | Promise<void>): Promise<void> {
    const { signal } = this.#over;
    for await (const chunk of this.#compute.logs(handle, { follow: true, signal })) {
      if (signal.aborted) return;
      await onOutput(chunk);
    }
  }
}
