import { digestOf } from '../base/hash.ts';

/** How long a file must stay the same before it counts as written. */
const settledMs = 1_000;

/**
 * Messages that make no sense yet, because somebody writes their file by hand and is not through. One is judged once it
 * stayed as it is for a second; how often it is looked at meanwhile depends on everything else that happens.
 */
export class HalfWritten {
  readonly #seen = new Map<string, { readonly digest: string; readonly sinceMs: number }>();

  /** Whether more of it may still come. `nowMs` is of a clock that never goes back. */
  mayGrow(key: string, text: string, nowMs: number): boolean {
    const digest = digestOf(text);
    const before = this.#seen.get(key);
    if (before?.digest !== digest) {
      this.#seen.set(key, { digest, sinceMs: nowMs });
      return true;
    }
    return nowMs - before.sinceMs < settledMs;
  }

  /** Forgets all but these. */
  keep(keys: readonly string[]): void {
    const kept = new Set(keys);
    for (const key of this.#seen.keys()) if (!kept.has(key)) this.#seen.delete(key);
  }
}
