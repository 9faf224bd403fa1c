import type { SessionBytes } from './host-sessions.ts';

type LogChannel = SessionBytes['channel'];

/** How far the log of one container was read: up to a time, and how much of what was written at that very time. */
export class LogPosition {
  #at: string | undefined;
  #seen = { output: 0, error: 0 };
  #known = { output: 0, error: 0 };
  #latest = '';
  /** Whether it is before `at` that is read: lines of later times, from before a clock was set back. */
  #isBefore = false;
  readonly #isAmidLine = { output: false, error: false };

  /** As the engine writes it, to the nanosecond; undefined before the first line. */
  get at(): string | undefined {
    return this.#at;
  }

  /** All that there was at that time was read, of a log whose own times nobody can tell from its text. */
  moveTo(time: string): void {
    this.#at = time;
  }

  /** Whether what was read last of it was no end of a line. */
  isAmidLine(channel: LogChannel): boolean {
    return this.#isAmidLine[channel];
  }

  endPiece(channel: LogChannel, isLineEnd: boolean): void {
    this.#isAmidLine[channel] = !isLineEnd;
  }

  /** It is read again from that time on: what was read of it comes once more. */
  reopen(): void {
    this.#known = { ...this.#seen };
    this.#isBefore = this.#at !== undefined && this.#at < this.#latest;
  }

  /** Of so many bytes that come next, those that were read before. What has no time belongs to what came before it. */
  pass(channel: LogChannel, time: string, sizeBytes: number): number {
    const at = time === '' ? this.#at : time;
    // It ends with the line that was read last, or later than all where that is not kept any more.
    if (time === this.#at || time > this.#latest) this.#isBefore = false;
    if (this.#isBefore) return sizeBytes;
    if (at !== this.#at) {
      this.#at = at;
      if (at !== undefined && at > this.#latest) this.#latest = at;
      this.#seen = { output: 0, error: 0 };
      this.#known = { output: 0, error: 0 };
    }
    const known = Math.min(sizeBytes, this.#known[channel]);
    this.#known[channel] -= known;
    this.#seen[channel] += sizeBytes - known;
    return known;
  }
}

/** A time of ISO 8601 as the engine's API counts, in seconds to the nanosecond. */
export function engineTime(time: string): string {
  const fraction = /\.(\d{1,9})/.exec(time)?.[1] ?? '';
  return `${Math.floor(Date.parse(time) / 1_000)}.${fraction.padEnd(9, '0')}`;
}
