import { isAppError } from '../contracts/errors.ts';
import type { HostEngine } from '../engine/host-engine.ts';
import type { Target } from '../reconcile/target.ts';
import type { Decided, HostKeeper, Pass } from './host-keeper.ts';
import { observe } from './observe.ts';
import type { Looked } from './told-host.ts';
import { Wake } from './wake.ts';

export interface HostLoopOptions {
  readonly keeper: HostKeeper;
  readonly engine: HostEngine;
  /** Undefined until something is declared. */
  readonly target: () => Target | undefined;
  /** Undefined until the server said it. */
  readonly hostId: () => string | undefined;
  /** Between two looks when nothing told of a change. */
  readonly intervalMs: () => number;
  readonly onObserved: (looked: Looked) => void;
  readonly onDecided: (target: Target, decided: Decided) => void;
  readonly log: (line: string) => void;
  /** Default: the clock. */
  readonly now?: () => number;
}

/** Between two passes that both had something to do, from the first ones to those that never come to an end. */
const gapsMs = [
  { passes: 12, gapMs: 0 },
  { passes: 50, gapMs: 500 },
  { passes: Number.POSITIVE_INFINITY, gapMs: 5_000 },
] as const;
/** Events come in groups. */
const settleMs = 15;
const failedMs = 5_000;
/** An agent that ends waits so long for what it took down to come back. Engines kill an agent in a container after 10 s. */
const bringBackMs = 8_000;

/** Keeps the host: a pass when the engine changes, when something new is declared, when a decision asks for it, and at an interval. */
export class HostLoop {
  readonly #options: HostLoopOptions;
  readonly #wake = new Wake();
  /** Ends what is done for the target of now, which goes on over many passes. */
  #end = new AbortController();
  #hurry = new AbortController();
  #busyPasses = 0;

  constructor(options: HostLoopOptions) {
    this.#options = options;
  }

  /** Something changed on the engine, or it is there again. */
  look(): void {
    this.#wake.wake();
  }

  /** Another target, or none any more: what is being done for the old one ends. */
  changeTarget(): void {
    this.#busyPasses = 0;
    this.#end.abort();
    this.#end = new AbortController();
    // Where nothing else will be done, on a host that was disabled, what was taken down comes back first.
    if (this.#options.target()?.settings.enabled === true) {
      this.#hurry.abort();
      this.#hurry = new AbortController();
    }
    this.#wake.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const hurryLater = () => setTimeout(() => this.#hurry.abort(), bringBackMs).unref();
    signal.addEventListener('abort', hurryLater, { once: true });
    while (!signal.aborted) {
      const waitMs = await this.#once(signal);
      const isWoken = await this.#wake.wait(waitMs, signal);
      if (isWoken) await new Wake().wait(settleMs, signal);
    }
    await this.#options.keeper.close();
  }

  /** One look and what follows from it. Gives how long until the next. */
  async #once(signal: AbortSignal): Promise<number> {
    const end = this.#end;
    try {
      return await this.#look(AbortSignal.any([signal, end.signal]), this.#hurry.signal);
    } catch (error) {
      if (end.signal.aborted || signal.aborted) return 0;
      // The engine's watch tells of an engine that is away, and when it is there again.
      if (!isAppError(error, 'unreachable')) this.#options.log(error instanceof Error ? error.message : String(error));
      return failedMs;
    }
  }

  async #look(signal: AbortSignal, hurry: AbortSignal): Promise<number> {
    const { keeper, engine, target: targetNow, hostId: hostIdNow, onObserved, onDecided, intervalMs } = this.#options;
    const hostId = hostIdNow();
    if (hostId === undefined) return Number.POSITIVE_INFINITY;
    const target = targetNow();
    if (target === undefined) {
      onObserved({ observed: await observe(engine, { signal }), hostId });
      return intervalMs();
    }
    const pass = await keeper.pass(target, signal, {
      hurry,
      onDecided: (decided) => {
        onObserved({ observed: decided.observed, hostId });
        onDecided(target, decided);
      },
    });
    return pass.isEngineGone ? failedMs : this.#untilNext(pass);
  }

  #untilNext({ decision }: Pass): number {
    const { intervalMs, now = Date.now } = this.#options;
    if (decision.steps.length === 0) {
      this.#busyPasses = 0;
      const wakeMs = decision.wakeAt === undefined ? Number.POSITIVE_INFINITY : decision.wakeAt - now();
      return Math.max(0, Math.min(intervalMs(), wakeMs));
    }
    this.#busyPasses += 1;
    return gapsMs.find(({ passes }) => this.#busyPasses <= passes)?.gapMs ?? 0;
  }
}
