import { type Backoff, retryDelayMs } from '../base/retry.ts';
import type { HostEngine } from '../engine/host-engine.ts';
import { Wake } from './wake.ts';

export interface EngineState {
  readonly isUp: boolean;
  readonly message?: string;
}

export interface EngineWatchOptions {
  readonly engine: HostEngine;
  /** Something changed there, or may have. */
  readonly onActivity: () => void;
  /** It went up or down. */
  readonly onChange: (state: EngineState) => void;
}

/** Between the end of one stream of events and the next. */
const againMs = 100;
const backoff: Backoff = { delayMs: 250, maxDelayMs: 5_000 };

/** Follows the engine: whether it answers, and what changes there. */
export class EngineWatch {
  readonly #options: EngineWatchOptions;
  readonly #wake = new Wake();
  #state: EngineState | undefined;

  constructor(options: EngineWatchOptions) {
    this.#options = options;
  }

  /** Before the first answer it counts as down: nothing is known of it. */
  get state(): EngineState {
    return this.#state ?? { isUp: false, message: 'it has not answered yet' };
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#follow(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        this.#tell({ isUp: false, message: messageOf(error) });
      }
      await this.#wake.wait(failures === 0 ? againMs : retryDelayMs(failures, backoff), signal);
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { engine, onActivity } = this.#options;
    // From before the ping on, so that nothing is missed between the first look and the first event.
    const events = engine.events(signal);
    await engine.ping(signal);
    this.#tell({ isUp: true });
    onActivity();
    for await (const _ of events) onActivity();
  }

  #tell(state: EngineState): void {
    const before = this.#state;
    this.#state = state;
    if (before?.isUp !== state.isUp) this.#options.onChange(state);
  }
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 1_024);
}
