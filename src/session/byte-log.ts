import { type Channel, channels } from '../contracts/session-wire.ts';

export interface LoggedBytes {
  readonly channel: Channel;
  readonly bytes: Uint8Array;
}

const firstBytes = 4_096;

/** The last bytes of one direction of a session, by their offsets. */
export class ByteLog {
  readonly #mostBytes: number;
  #ring = Buffer.alloc(0);
  /** The channel of each byte; none while there has been one channel only, as on a terminal. */
  #channels: Buffer | undefined;
  #onlyChannel: Channel | undefined;
  #start = 0;
  #end = 0;

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
    if (bytes.length === 0) return;
    this.#grow(Math.min(this.#mostBytes, this.#end - this.#start + bytes.length));
    this.#mark(channel, bytes.length);
    const kept = bytes.subarray(Math.max(0, bytes.length - this.#mostBytes));
    const at = (this.#end + bytes.length - kept.length) % this.#ring.length;
    const untilWrap = kept.subarray(0, this.#ring.length - at);
    this.#ring.set(untilWrap, at);
    this.#ring.set(kept.subarray(untilWrap.length), 0);
    this.#end += bytes.length;
    this.drop(this.#end - this.#mostBytes);
  }

  /** Bytes of one channel from `offset` on, at most `most`; undefined where there are none. A copy. */
  read(offset: number, most: number): LoggedBytes | undefined {
    if (offset < this.#start || offset >= this.#end || most <= 0) return undefined;
    const [channel, until] = this.#runAt(offset, Math.min(this.#end, offset + most));
    return { channel, bytes: slice(this.#ring, offset, until) };
  }

  /** Forgets what lies before `offset`. */
  drop(offset: number): void {
    this.#start = Math.max(this.#start, Math.min(offset, this.#end));
  }

  #runAt(offset: number, until: number): readonly [Channel, number] {
    if (this.#channels === undefined) return [this.#onlyChannel ?? 'output', until];
    const code = this.#channels[offset % this.#channels.length];
    let end = offset + 1;
    while (end < until && this.#channels[end % this.#channels.length] === code) end += 1;
    return [channelOf(code), end];
  }

  #mark(channel: Channel, sizeBytes: number): void {
    this.#onlyChannel ??= channel;
    if (this.#channels === undefined && channel !== this.#onlyChannel)
      this.#channels = Buffer.alloc(this.#ring.length, channels[this.#onlyChannel]);
    for (let at = this.#end; at < this.#end + Math.min(sizeBytes, this.#mostBytes) && this.#channels; at += 1)
      this.#channels[at % this.#channels.length] = channels[channel];
  }

  #grow(needed: number): void {
    if (needed <= this.#ring.length) return;
    let size = Math.max(this.#ring.length, firstBytes);
    while (size < needed) size *= 2;
    size = Math.min(size, Math.max(needed, this.#mostBytes));
    const grown = (old: Buffer) => {
      const ring = Buffer.alloc(size);
      const kept = slice(old, this.#start, this.#end);
      const at = this.#start % size;
      ring.set(kept.subarray(0, size - at), at);
      ring.set(kept.subarray(size - at), 0);
      return ring;
    };
    this.#ring = grown(this.#ring);
    if (this.#channels !== undefined) this.#channels = grown(this.#channels);
  }
}

function slice(ring: Buffer, from: number, until: number): Buffer {
  if (from === until) return Buffer.alloc(0);
  const [first, last] = [from % ring.length, until % ring.length];
  if (first < last) return Buffer.from(ring.subarray(first, last));
  return Buffer.concat([ring.subarray(first), ring.subarray(0, last)]);
}

function channelOf(code: number | undefined): Channel {
  if (code === channels.error) return 'error';
  return code === channels.input ? 'input' : 'output';
}
