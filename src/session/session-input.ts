import type { Source } from './source.ts';

/** What all viewers type, one part after the other in the order in which it came. After a failure, and after its end, what comes goes nowhere. */
export class SessionInput {
  readonly #source: Pick<Source, 'write' | 'endInput'>;
  readonly #onFailure: (error: unknown) => void;
  #last: Promise<void> = Promise.resolve();
  #isFailed = false;
  #isEnded = false;

  constructor(source: Pick<Source, 'write' | 'endInput'>, onFailure: (error: unknown) => void) {
    this.#source = source;
    this.#onFailure = onFailure;
  }

  /** Resolves when it was taken, whatever became of it. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#isEnded ? Promise.resolve() : this.#then(() => this.#source.write(bytes));
  }

  /** Resolves when all before it was taken, and its end. */
  end(): Promise<void> {
    if (this.#isEnded) return this.#last;
    this.#isEnded = true;
    return this.#then(() => this.#source.endInput());
  }

  #then(act: () => Promise<void>): Promise<void> {
    const acting = this.#last.then(() => (this.#isFailed ? undefined : act()));
    this.#last = acting.catch((error: unknown) => {
      this.#isFailed = true;
      this.#onFailure(error);
    });
    return this.#last;
  }
}
