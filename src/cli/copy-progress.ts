import type { Output } from './output.ts';

const drawnEveryMs = 200;
/** A copy that is over sooner needs none. */
const firstMs = 500;
const mebibyte = 1024 * 1024;

/** How much was copied, on one line of a terminal that goes when all was. */
export class CopyProgress {
  readonly #output: Output;
  readonly #startedAt = performance.now();
  readonly #isShown: boolean;
  #bytes = 0;
  #drawnAt = 0;

  constructor(output: Output, isQuiet: boolean) {
    this.#output = output;
    this.#isShown = output.isTerminal && !isQuiet;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    const now = performance.now();
    if (!this.#isShown || now - this.#startedAt < firstMs || now - this.#drawnAt < drawnEveryMs) return;
    this.#drawnAt = now;
    const copied = this.#bytes / mebibyte;
    const perSecond = copied / ((now - this.#startedAt) / 1_000);
    // Whoever reads no more is not told any more.
    this.#output.write(`\r${copied.toFixed(1)} MiB, ${perSecond.toFixed(1)} MiB/s\u001b[K`).catch(() => undefined);
  }

  async close(): Promise<void> {
    if (this.#drawnAt > 0) await this.#output.write('\r\u001b[K');
  }
}
