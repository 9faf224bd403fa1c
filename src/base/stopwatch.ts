/** Takes the time of stages that follow one another, in milliseconds. */
export class Stopwatch {
  readonly #laps: Record<string, number> = {};
  #startedAt = performance.now();

  /** Ends a stage; the next begins. */
  lap(name: string): void {
    const now = performance.now();
    this.#laps[name] = now - this.#startedAt;
    this.#startedAt = now;
  }

  get laps(): Readonly<Record<string, number>> {
    return this.#laps;
  }
}
