import { randomBytes } from 'node:crypto';

const lifeMs = 60_000;
/** More are not kept at once: the oldest go first. */
const most = 50_000;

/** Random values that may come back once, within a minute. */
export class Challenges {
  readonly #now: () => number;
  /** In the order they were made. */
  readonly #madeAt = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  make(): string {
    this.#forget();
    const challenge = randomBytes(32).toString('base64url');
    this.#madeAt.set(challenge, this.#now());
    return challenge;
  }

  /** Whether it is one of ours that was not used yet. */
  take(challenge: string): boolean {
    this.#forget();
    return this.#madeAt.delete(challenge);
  }

  #forget(): void {
    for (const [challenge, madeAt] of this.#madeAt) {
      const isOld = this.#now() - madeAt > lifeMs || this.#madeAt.size >= most;
      if (!isOld) return;
      this.#madeAt.delete(challenge);
    }
  }
}
