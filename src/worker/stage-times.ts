type Stage = 'receive' | 'prepare' | 'setup' | 'run' | 'capture';

/** How long each stage of a task took, for its result. */
export class StageTimes {
  readonly #ms: Record<Stage, number> = { receive: 0, prepare: 0, setup: 0, run: 0, capture: 0 };

  /** `receiveMs`: what went before, from the supervisor's own start. */
  constructor(receiveMs: number) {
    this.#ms.receive = receiveMs;
  }

  async during<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      return await work();
    } finally {
      this.#ms[stage] += performance.now() - startedAt;
    }
  }

  get all() {
    const { receive, prepare, setup, run, capture } = this.#ms;
    return { receiveMs: receive, prepareMs: prepare, setupMs: setup, runMs: run, captureMs: capture };
  }
}
