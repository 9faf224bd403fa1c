/** The time that setup, subagent and scripts have together. */
export class TaskClock {
  readonly #endsAt: number;

  constructor(timeoutSeconds: number) {
    this.#endsAt = performance.now() + timeoutSeconds * 1000;
  }

  get remainingMs(): number {
    return this.leftMs(0);
  }

  /** What is left until so long past its end. */
  leftMs(pastMs: number): number {
    return Math.max(0, this.#endsAt + pastMs - performance.now());
  }
}
