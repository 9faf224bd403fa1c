import type { DispatchRecord } from '../contracts/dispatch.ts';
import { patiently } from './patience.ts';
import { type RecordPlace, writeRecord } from './records.ts';

export interface KeeperOptions {
  /** Ends the waiting for a disk that is full or a storage that is away. Default: never. */
  readonly signal?: AbortSignal;
  /** Receives what a write waits for, in words. Default: none. */
  readonly onProblem?: (line: string) => void;
  /** Told what a write waits for, and undefined once it is done. Default: nobody. */
  readonly onWaiting?: ((reason: string | undefined) => void) | undefined;
}

/** The record of a dispatch in the hands of the process that executes it: written whole at each change, in order. */
export class RecordKeeper {
  readonly #place: RecordPlace;
  readonly #signal: AbortSignal;
  readonly #told: Pick<KeeperOptions, 'onProblem' | 'onWaiting'>;
  #record: DispatchRecord;
  #written: Promise<void> = Promise.resolve();

  constructor(place: RecordPlace, record: DispatchRecord, options: KeeperOptions = {}) {
    this.#place = place;
    this.#record = record;
    this.#signal = options.signal ?? new AbortController().signal;
    this.#told = options;
  }

  get record(): DispatchRecord {
    return this.#record;
  }

  /** Resolves once this change and every earlier one are stored. */
  change(fields: Partial<DispatchRecord>): Promise<void> {
    const record = { ...this.#record, ...fields };
    this.#record = record;
    const before = this.#written.catch(() => undefined); // Told to whoever made that change.
    this.#written = before.then(() => this.#write(record));
    return this.#written;
  }

  #write(record: DispatchRecord): Promise<void> {
    const write = () => writeRecord(this.#place, record);
    const { onProblem, onWaiting } = this.#told;
    return patiently(write, { signal: this.#signal, onProblem, onWaiting });
  }
}
