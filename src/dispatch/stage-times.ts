/** Measures stages that follow each other. */
export class StageTimes {
  readonly #startedAt = performance.now();
  readonly #stages: Record<string, number> = {};
  #lastEnd = this.#startedAt;

  /** Milliseconds by stage, in their order. */
  get stages(): Readonly<Record<string, number>> {
    return this.#stages;
  }

  get totalMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** Whatever passed since the last end was this stage. */
  end(stage: string): void {
    const now = performance.now();
    this.#stages[stage] = now - this.#lastEnd;
    this.#lastEnd = now;
  }
}
