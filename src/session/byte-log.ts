import type { Channel } from '../contracts/session-wire.ts';

export interface LoggedBytes {
  readonly channel: Channel;
  readonly bytes: Uint8Array;
}

interface Run {
  readonly start: number;
  readonly channel: Channel;
}

const firstBytes = 4_096;
/** Changes of channel that are remembered: a program that alternates with each byte has us keep no more. */
const mostRuns = 4_096;

/** The last bytes of one direction of a session, by their offsets. */
export class ByteLog {
  readonly #mostBytes: number;
  #ring = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  #runs: Run[] = [];

  /** Keeps `mostBytes`, the oldest go first. */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Offset of the oldest byte that is there. */
  get start(): number {
    return this.#start;
  }

  /** Offset of the byte that comes next. */
  get end(): number {
    return this.#end;
  }

  append(channel: Channel, bytes: Uint8Array): void {
    const kept = bytes.subarray(Math.max(0, bytes.length - this.#mostBytes));
    const skipped = bytes.length - kept.length;
    this.#grow(Math.min(this.#mostBytes, this.#end - this.#start + bytes.length));
    if (this.#runs.at(-1)?.channel !== channel) this.#runs.push({ start: this.#end, channel });
    this.#end += skipped;
    this.#write(kept);
    this.#end += kept.length;
    // Half of them at once, so that it is not done again with the next byte.
    const oldest = this.#runs.length > mostRuns ? (this.#runs[mostRuns / 2]?.start ?? 0) : 0;
    this.drop(Math.max(this.#end - this.#mostBytes, oldest));
  }

  /** Bytes of one channel from `offset` on, at most `most`; undefined where there are none. A copy. */
  read(offset: number, most: number): LoggedBytes | undefined {
    if (offset < this.#start || offset >= this.#end || most <= 0) return undefined;
    const index = this.#runs.findLastIndex(({ start }) => start <= offset);
    const run = this.#runs[index];
    if (run === undefined) return undefined;
    const until = Math.min(this.#runs[index + 1]?.start ?? this.#end, offset + most);
    return { channel: run.channel, bytes: this.#slice(offset, until) };
  }

  /** Forgets what lies before `offset`. */
  drop(offset: number): void {
    if (offset <= this.#start) return;
    this.#start = Math.min(offset, this.#end);
    const after = this.#runs.findIndex(({ start }) => start > this.#start);
    const gone = (after === -1 ? this.#runs.length : after) - 1;
    if (gone > 0) this.#runs.splice(0, gone);
  }

  #grow(needed: number): void {
    if (needed <= this.#ring.length) return;
    let size = Math.max(this.#ring.length, firstBytes);
    while (size < needed) size *= 2;
    const ring = Buffer.allocUnsafe(Math.min(size, Math.max(needed, this.#mostBytes)));
    const old = this.#slice(this.#start, this.#end);
    for (const [index, byte] of old.entries()) ring[(this.#start + index) % ring.length] = byte;
    this.#ring = ring;
  }

  #write(bytes: Uint8Array): void {
    const at = this.#end % this.#ring.length;
    const untilWrap = bytes.subarray(0, this.#ring.length - at);
    this.#ring.set(untilWrap, at);
    this.#ring.set(bytes.subarray(untilWrap.length), 0);
  }

  #slice(from: number, until: number): Buffer {
    if (from === until) return Buffer.alloc(0);
    const [first, last] = [from % this.#ring.length, until % this.#ring.length];
    if (first < last) return Buffer.from(this.#ring.subarray(first, last));
    return Buffer.concat([this.#ring.subarray(first), this.#ring.subarray(0, last)]);
  }
}
