import type { SessionBytes } from './host-sessions.ts';
import type { LogPosition } from './log-position.ts';

export interface TimedLogOptions {
  /** Then an engine sends lines as they are, else each in a frame that names its channel. */
  readonly isTerminal: boolean;
  /** Whether each line keeps its time. */
  readonly showsTimes: boolean;
  readonly position: LogPosition;
}

const headerBytes = 8;
/** Longer than any time that an engine writes before a line. */
const longestTimeBytes = 64;
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
  /** Of the line, until all of it is there. */
  #begun: Buffer | undefined = nothing;
  #time = '';
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
    this.#takeText(payload);
    return rest.subarray(payload.length);
  }

  #beginFrame(header: Buffer): void {
    this.#channel = header[0] === 2 ? 'error' : 'output';
    this.#left = header.readUInt32BE(4);
    this.#header = nothing;
    this.#begun = nothing;
  }

  #takeOfLine(rest: Buffer): Buffer {
    const end = rest.indexOf(newline) + 1;
    const line = end === 0 ? rest : rest.subarray(0, end);
    this.#takeText(line);
    if (end > 0) this.#begun = nothing;
    return rest.subarray(line.length);
  }

  /** Of one line, its time first. */
  #takeText(bytes: Buffer): void {
    if (this.#begun === undefined) {
      this.#pass(bytes);
      return;
    }
    const begun = this.#begun.length === 0 ? bytes : Buffer.concat([this.#begun, bytes]);
    const end = begun.indexOf(space);
    if (end < 0 && begun.length < longestTimeBytes) {
      this.#begun = begun;
      return;
    }
    this.#begun = undefined;
    this.#time = begun.toString('latin1', 0, Math.max(0, end));
    this.#pass(this.#options.showsTimes ? begun : begun.subarray(end + 1));
  }

  #pass(bytes: Buffer): void {
    const fresh = bytes.subarray(this.#options.position.pass(this.#channel, this.#time, bytes.length));
    if (fresh.length === 0) return;
    const last = this.#parts.at(-1);
    if (last?.channel === this.#channel) last.pieces.push(fresh);
    else this.#parts.push({ channel: this.#channel, pieces: [fresh] });
  }
}
