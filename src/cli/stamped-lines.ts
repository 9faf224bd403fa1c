/** Where one output of a log was read to. */
export interface LogPosition {
  /** Of the line that was read last. */
  readonly stamp: string;
  /** With this very stamp, that line included. */
  readonly lines: number;
  /** Of that line, as far as it was shown. */
  readonly bytes: number;
}

const newline = 0x0a;
const stampPattern = /^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z) /;
const mostStampBytes = 31;
/** An engine cuts longer lines, and gives each part a stamp. */
const partBytes = 16 * 1024;

/** One output of a log whose lines begin with their time: what of it is to be shown, and where it is to be read on after a loss. */
export class StampedLines {
  readonly #showsStamps: boolean;
  #after: LogPosition | undefined;
  #here: LogPosition | undefined;
  /** Of the line that is read, what was shown before. */
  #skip = 0;
  /** What may be the beginning of a stamp; undefined within a line. */
  #held: string | undefined = '';
  /** Since the last stamp. */
  #sincePart = 0;

  /** With `after`, what was shown before is left out. */
  constructor(showsStamps: boolean, after?: LogPosition) {
    this.#showsStamps = showsStamps;
    this.#after = after;
  }

  /** Undefined where nothing was read yet. */
  get position(): LogPosition | undefined {
    if (this.#after !== undefined || this.#here === undefined) return this.#after;
    return { ...this.#here, bytes: Math.max(this.#here.bytes, this.#skip) };
  }

  /** More of it, cut anywhere; what is to be shown. */
  take(bytes: Uint8Array): Uint8Array {
    const shown: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      at += this.#held === undefined ? this.#line(bytes, at, shown) : this.#stamp(this.#held, bytes, at, shown);
    }
    return shown.length === 1 && shown[0] !== undefined ? shown[0] : Buffer.concat(shown);
  }

  /** How many bytes were taken. */
  #line(bytes: Uint8Array, at: number, shown: Uint8Array[]): number {
    const end = bytes.indexOf(newline, at);
    const part = bytes.subarray(at, Math.min(end < 0 ? bytes.length : end + 1, at + partBytes - this.#sincePart));
    this.#sincePart += part.length;
    this.#show(part, shown);
    const isWhole = part.at(-1) === newline;
    if (isWhole || this.#sincePart === partBytes) this.#held = '';
    if (isWhole) this.#sincePart = 0;
    return part.length;
  }

  #stamp(held: string, bytes: Uint8Array, at: number, shown: Uint8Array[]): number {
    const more = Buffer.from(bytes.subarray(at, at + mostStampBytes - held.length)).toString('latin1');
    const text = held + more;
    const [whole, stamp] = stampPattern.exec(text) ?? [];
    if (whole !== undefined && stamp !== undefined) {
      this.#held = undefined;
      const isContinued = this.#sincePart === partBytes;
      this.#sincePart = 0;
      const isNew = !isContinued && this.#begin(stamp);
      if (isNew && this.#showsStamps) shown.push(Buffer.from(whole));
      return whole.length - held.length;
    }
    if (text.length < mostStampBytes && /^[0-9][0-9TZ:.-]*$/.test(text)) {
      this.#held = text;
      return more.length;
    }
    // No stamp, so that it is part of the line.
    this.#held = undefined;
    this.#sincePart %= partBytes;
    if (held !== '') this.#show(Buffer.from(held, 'latin1'), shown);
    return 0;
  }

  /** Whether nothing of this line was shown before. */
  #begin(stamp: string): boolean {
    const lines = this.#here?.stamp === stamp ? this.#here.lines + 1 : 1;
    this.#here = { stamp, lines, bytes: 0 };
    this.#skip = 0;
    if (this.#after === undefined) return true;
    const order = nanoseconds(stamp).localeCompare(nanoseconds(this.#after.stamp)) || lines - this.#after.lines;
    if (order < 0) {
      this.#skip = Number.POSITIVE_INFINITY;
      return false;
    }
    if (order === 0) this.#skip = this.#after.bytes;
    this.#after = undefined;
    return order > 0;
  }

  #show(part: Uint8Array, shown: Uint8Array[]): void {
    const before = this.#here?.bytes ?? 0;
    if (this.#here !== undefined) this.#here = { ...this.#here, bytes: before + part.length };
    const rest = part.subarray(Math.max(0, Math.min(part.length, this.#skip - before)));
    if (rest.length > 0) shown.push(rest);
  }
}

/** Of the same length for all, so that the order of texts is that of times. */
function nanoseconds(stamp: string): string {
  const [seconds = '', fraction = ''] = stamp.slice(0, -1).split('.');
  return `${seconds}.${fraction.padEnd(9, '0')}`;
}
