import type { ObservedContainer } from '../contracts/host-observation.ts';
import { unlessAborted } from '../engine/docker-deadline.ts';
import type { HostEngine } from '../engine/host-engine.ts';

interface Look {
  readonly containers: Promise<readonly ObservedContainer[]>;
  readonly beganAt: number;
  isOver: boolean;
}

/** Old enough to be shared by all who only wait for something to come, or who look again where it misses something. */
export const recentMs = 1_000;

/** Looks at the containers of an engine: one for all who take one of a moment ago. */
export class SharedLook {
  readonly #engine: Pick<HostEngine, 'observeContainers'>;
  #latest: Look | undefined;

  constructor(engine: Pick<HostEngine, 'observeContainers'>) {
    this.#engine = engine;
  }

  /** Begun not longer ago than that, or under way; without an age, begun now. */
  async containers(signal: AbortSignal, maxAgeMs = 0): Promise<readonly ObservedContainer[]> {
    signal.throwIfAborted();
    const look = this.#recent(maxAgeMs) ?? this.#begin();
    return await unlessAborted(signal, look.containers);
  }

  #recent(maxAgeMs: number): Look | undefined {
    const latest = this.#latest;
    if (latest === undefined || maxAgeMs === 0) return undefined;
    return !latest.isOver || performance.now() - latest.beganAt < maxAgeMs ? latest : undefined;
  }

  #begin(): Look {
    // Whoever began it may leave while others wait.
    const look: Look = { containers: this.#engine.observeContainers(), beganAt: performance.now(), isOver: false };
    this.#latest = look;
    look.containers.then(
      () => {
        look.isOver = true;
      },
      () => {
        if (this.#latest === look) this.#latest = undefined;
      },
    );
    return look;
  }
}
