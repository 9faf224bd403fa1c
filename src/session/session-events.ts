import { AppError } from '../contracts/errors.ts';
import type { CallerEvent, TerminalSize } from '../contracts/session-wire.ts';
import type { Source } from './source.ts';

/** That may wait: each costs the engine several calls. */
const mostSignals = 16;

/** What viewers tell a source besides their input: one at a time and in order. Of sizes that wait only the newest counts. */
export class SessionEvents {
  readonly #source: Pick<Source, 'resize' | 'signal'>;
  #last: Promise<unknown> = Promise.resolve();
  /** The newest size, while it waits. */
  #size: TerminalSize | undefined;
  #signals = 0;

  constructor(source: Pick<Source, 'resize' | 'signal'>) {
    this.#source = source;
  }

  /** Raises what did not go through; `limit-exceeded` for a signal where too many wait. */
  async take(event: CallerEvent): Promise<void> {
    if (event.event === 'signal') await this.#signal(event.name);
    else await this.#resize({ columns: event.columns, rows: event.rows });
  }

  async #resize(size: TerminalSize): Promise<void> {
    const isWaiting = this.#size !== undefined;
    this.#size = size;
    if (isWaiting) return;
    await this.#inTurn(async () => {
      const newest = this.#size ?? size;
      this.#size = undefined;
      await this.#source.resize(newest);
    });
  }

  async #signal(name: string): Promise<void> {
    if (this.#signals >= mostSignals)
      throw new AppError('limit-exceeded', `Cannot send "${name}": ${mostSignals} signals wait to be sent`, {
        next: 'Try again once they are.',
      });
    this.#signals += 1;
    try {
      await this.#inTurn(() => this.#source.signal(name));
    } finally {
      this.#signals -= 1;
    }
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    const done = this.#last.then(act);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
