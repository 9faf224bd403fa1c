import type { ObservedImage } from '../contracts/host-observation.ts';

/** An event may be one that nobody knows of, as those of another release of the engine. */
const longestBeliefMs = 60_000;

/**
 * What images an engine has, asked for again only when that may have changed: with many of them the engine takes long to say.
 * Nothing is believed while no events are followed.
 */
export class SeenImages {
  #images: ObservedImage[] | undefined;
  #askedAtMs = 0;
  #followers = 0;
  #changes = 0;

  async list(ask: () => Promise<ObservedImage[]>): Promise<ObservedImage[]> {
    if (this.#images !== undefined && performance.now() - this.#askedAtMs < longestBeliefMs) return this.#images;
    const changes = this.#changes;
    this.#askedAtMs = performance.now();
    const images = await ask();
    if (this.#followers > 0 && changes === this.#changes) this.#images = images;
    return images;
  }

  changed(): void {
    this.#changes += 1;
    this.#images = undefined;
  }

  followed(): void {
    this.#followers += 1;
    this.changed();
  }

  lost(): void {
    this.#followers -= 1;
    this.changed();
  }

  /** The same call, after which images may be others. */
  changing<Arguments extends readonly unknown[], Outcome>(
    call: (...passed: Arguments) => Promise<Outcome>,
  ): (...passed: Arguments) => Promise<Outcome> {
    return async (...passed) => {
      try {
        return await call(...passed);
      } finally {
        this.changed();
      }
    };
  }
}
