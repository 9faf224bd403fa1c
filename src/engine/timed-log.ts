import type { SessionBytes } from './host-sessions.ts';
import type { LogPosition } from './log-position.ts';

export interface TimedLogOptions {
  /** Then an engine sends lines as they are, else each in a frame that names its channel. */
  readonly isTerminal: boolean;
  /** Whether each line keeps its time: that of its first piece, where an engine writes more of them. */
  readonly showsTimes: boolean;
  readonly position: LogPosition;
}

const headerBytes = 8;
/** Longer than any time that an engine writes before a line. */
const longestTimeBytes = 64;
const timePattern = /^\d{4}-\d\d-\d\dT\S+$/;
/** Of a line without an end so far. An engine keeps no more of it at once, and writes a time before the next as well. */
const pieceBytes = 16_384;
const newline = 0x0a;
const space = 0x20;
const nothing = Buffer.alloc(0);

/**
 * Takes apart a log with times, as it comes from an engine, and leaves out what was read before. A whole chunk at once: a
 * line of its own costs more to hand on than all its bytes.
 */
export class TimedLog {
  readonly #options: TimedLogOptions;
  #header = nothing;
  #channel: SessionBytes['channel'] = 'output';
  /** Of the frame; on a terminal, of no meaning. */
  #left = 0;
  /** Of the line's time, until all of it is there. */
  #begun: Buffer | undefined = nothing;
  /** Empty for a line that has none. */
  #time = '';
  /** Until a line of a terminal may have another time. */
  #pieceLeft = pieceBytes;
  #parts: { channel: SessionBytes['channel']; pieces: Buffer[] }[] = [];

  constructor(options: TimedLogOptions) {
    this.#options = options;
  }

  take(chunk: Uint8Array): SessionBytes[] {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    while (rest.length > 0) rest = this.#options.isTerminal ? this.#takeOfLine(rest) : this.#takeOfFrame(rest);
    const parts = this.#parts;
    this.#parts = [];
    return parts.map(({ channel, pieces }) => ({
      channel,
      bytes: pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces),
    }));
  }

  #takeOfFrame(rest: Buffer): Buffer {
    if (this.#left === 0) {
      const missing = headerBytes - this.#header.length;
      this.#header = Buffer.concat([this.#header, rest.subarray(0, missing)]);
      if (this.#header.length === headerBytes) this.#beginFrame(this.#header);
      return rest.subarray(missing);
    }
    const payload = rest.subarray(0, this.#left);
    this.#left -= payload.length;
    this.#takeText(payload, this.#left === 0);
    return rest.subarray(payload.length);
  }

  #beginFrame(header: Buffer): void {
    this.#channel = header[0] === 2 ? 'error' : 'output';
    this.#left = header.readUInt32BE(4);
    this.#header = nothing;
    this.#begin();
  }

  #takeOfLine(rest: Buffer): Buffer {
    const piece = rest.subarray(0, this.#begun === undefined ? this.#pieceLeft : pieceBytes);
    const end = piece.indexOf(newline) + 1;
    const line = end === 0 ? piece : piece.subarray(0, end);
    this.#takeText(line, end > 0);
    if (end > 0 || this.#pieceLeft <= 0) this.#begin();
    return rest.subarray(line.length);
  }

  #begin(): void {
    this.#begun = nothing;
    this.#pieceLeft = pieceBytes;
  }

  /** Of one line, its time first. */
  #takeText(bytes: Buffer, isLast: boolean): void {
    if (this.#begun === undefined) {
      this.#pieceLeft -= bytes.length;
      this.#pass(bytes);
      return;
    }
    const begun = this.#begun.length === 0 ? bytes : Buffer.concat([this.#begun, bytes]);
    const end = begun.indexOf(space);
    const isShort = end < 0 ? begun.length < longestTimeBytes : end === begun.length - 1;
    if (isShort && !isLast) {
      this.#begun = begun;
      return;
    }
    const time = begun.toString('latin1', 0, Math.max(0, end));
    this.#time = timePattern.test(time) ? time : '';
    const text = this.#time === '' ? begun : begun.subarray(end + 1);
    this.#begun = undefined;
    this.#pieceLeft -= text.length;
    this.#pass(text, begun.subarray(0, begun.length - text.length));
  }

  #pass(text: Buffer, time: Buffer = nothing): void {
    const { position, showsTimes } = this.#options;
    const known = position.pass(this.#channel, this.#time, text.length);
    const fresh = text.subarray(known);
    if (fresh.length === 0) return;
    if (showsTimes && known === 0 && !position.isAmidLine(this.#channel)) this.#hand(time);
    position.endPiece(this.#channel, fresh.at(-1) === newline);
    this.#hand(fresh);
  }

  #hand(bytes: Buffer): void {
    const last = this.#parts.at(-1);
    if (last?.channel === this.#channel) last.pieces.push(bytes);
    else this.#parts.push({ channel: this.#channel, pieces: [bytes] });
  }
}
