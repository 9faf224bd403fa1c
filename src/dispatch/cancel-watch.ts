import { sleep } from '../base/deadline.ts';
import type { DispatchCancel } from '../contracts/dispatch.ts';
import { isAppError } from '../contracts/errors.ts';
import type { DispatchId } from '../contracts/ids.ts';
import { type RecordPlace, readCancel } from './records.ts';

/** How long a cancel may go unnoticed, where looking costs nothing. */
const lookMs = 200;

/** Notices the mark that asks to end a dispatch. */
export class CancelWatch {
  /** Aborted once somebody asked. */
  readonly asked: AbortSignal;
  readonly #asked = new AbortController();
  readonly #over = new AbortController();
  readonly #place: RecordPlace;
  readonly #dispatchId: DispatchId;
  #cancel: DispatchCancel | undefined;

  constructor(place: RecordPlace, dispatchId: DispatchId) {
    this.#place = place;
    this.#dispatchId = dispatchId;
    this.asked = this.#asked.signal;
  }

  /** Who asked and when, also just now. */
  async look(): Promise<DispatchCancel | undefined> {
    try {
      this.#cancel ??= await readCancel(this.#place, this.#dispatchId);
    } catch (error) {
      // A mark that cannot be read now may be readable at the next look.
      if (!isAppError(error)) throw error;
    }
    if (this.#cancel !== undefined && !this.asked.aborted) this.#asked.abort(this.#cancel);
    return this.#cancel;
  }

  /** Looks until somebody asked or `close`. */
  async watch(): Promise<void> {
    const { signal } = this.#over;
    const { pollMs = lookMs } = this.#place.storage;
    while (!signal.aborted && (await this.look()) === undefined) {
      await sleep(pollMs, signal).catch(() => undefined); // Closed: the loop ends.
    }
  }

  close(): void {
    this.#over.abort();
  }
}
