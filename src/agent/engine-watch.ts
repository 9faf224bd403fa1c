import { withDeadline } from '../base/deadline.ts';
import { type Backoff, retryDelayMs } from '../base/retry.ts';
import { AppError } from '../contracts/errors.ts';
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
  /** Between two questions whether it is still there: one that hangs breaks no connection. Default: 5000. */
  readonly askMs?: number;
  /** How long it may take to answer such a question. Default: 15000. */
  readonly answerMs?: number;
}

const defaults = { askMs: 5_000, answerMs: 15_000 } satisfies Partial<EngineWatchOptions>;

/** Between the end of one stream of events and the next. */
const againMs = 100;
const backoff: Backoff = { delayMs: 250, maxDelayMs: 5_000 };

/** Follows the engine: whether it answers, and what changes there. */
export class EngineWatch {
  readonly #options: Required<EngineWatchOptions>;
  readonly #wake = new Wake();
  #state: EngineState | undefined;

  constructor(options: EngineWatchOptions) {
    this.#options = { ...defaults, ...options };
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
    const silence = new AbortController();
    const ending = AbortSignal.any([signal, silence.signal]);
    // From before the first question on, so that nothing is missed between the first look and the first event.
    const events = engine.events(ending);
    await this.#ask(signal);
    this.#tell({ isUp: true });
    onActivity();
    const asking = this.#askUntil(ending).catch((error: unknown) => silence.abort(error));
    try {
      for await (const _ of events) onActivity();
      if (!signal.aborted) silence.signal.throwIfAborted();
    } finally {
      silence.abort();
      await asking;
    }
  }

  async #askUntil(signal: AbortSignal): Promise<void> {
    const { askMs } = this.#options;
    for (;;) {
      await new Wake().wait(askMs, signal);
      if (signal.aborted) return;
      await this.#ask(signal);
    }
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const { engine, answerMs } = this.#options;
    const deadline = withDeadline(answerMs, signal);
    try {
      await engine.ping(deadline);
    } catch (error) {
      if (signal.aborted || !deadline.aborted) throw error;
      const state = `it gave no answer for ${answerMs / 1_000} s`;
      throw new AppError('unreachable', `Cannot reach the engine "${engine.address}": ${state}`, { cause: error });
    }
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
