import { type Channel, channels } from '../contracts/session-wire.ts';
import { type DataFrame, withHeadroom } from './frame.ts';

export interface LoggedBytes {
  readonly channel: Channel;
  readonly bytes: Uint8Array;
}

const firstBytes = 4_096;

/** A ring of the last bytes of one direction of a session, read by their offsets. */
export class ByteLog {
  #mostBytes: number;
  #ring = Buffer.alloc(0);
  /** The channel of each byte; none while there has been one channel only, as on a terminal. */
  #channels: Buffer | undefined;
  #onlyChannel: Channel | undefined;
  #start = 0;
  #end = 0;

  /** Keeps `mostBytes`: of more than that, the oldest are forgotten. */
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
    copyIn(this.#ring, this.#end + bytes.length - kept.length, kept);
    this.#end += bytes.length;
    this.drop(this.#end - this.#mostBytes);
  }

  /** Bytes of one channel from `offset` on, at most `most`; undefined where there are none. A copy. */
  read(offset: number, most: number): DataFrame | undefined {
    if (offset < this.#start || offset >= this.#end || most <= 0) return undefined;
    const [channel, until] = this.#runAt(offset, Math.min(this.#end, offset + most));
    const bytes = withHeadroom(until - offset);
    copyOut(this.#ring, offset, bytes);
    return { type: 'data', offset, channel, bytes, hasHeadroom: true };
  }

  /** Keeps `mostBytes` from now on. */
  keep(mostBytes: number): void {
    this.#mostBytes = mostBytes;
    this.drop(this.#end - mostBytes);
    if (this.#ring.length > mostBytes) this.#resize(mostBytes);
  }

  /** How much memory it takes, in bytes. */
  get heldBytes(): number {
    return this.#ring.length + (this.#channels?.length ?? 0);
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
    this.#resize(Math.min(size, Math.max(needed, this.#mostBytes)));
  }

  #resize(size: number): void {
    const moved = (old: Buffer) => {
      const ring = Buffer.alloc(size);
      const kept = Buffer.allocUnsafe(this.#end - this.#start);
      copyOut(old, this.#start, kept);
      copyIn(ring, this.#start, kept);
      return ring;
    };
    this.#ring = moved(this.#ring);
    if (this.#channels !== undefined) this.#channels = moved(this.#channels);
  }
}

function copyIn(ring: Buffer, offset: number, bytes: Uint8Array): void {
  const at = offset % ring.length;
  const untilWrap = Math.min(bytes.length, ring.length - at);
  ring.set(bytes.subarray(0, untilWrap), at);
  ring.set(bytes.subarray(untilWrap), 0);
}

function copyOut(ring: Buffer, offset: number, bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  const at = offset % ring.length;
  const untilWrap = Math.min(bytes.length, ring.length - at);
  bytes.set(ring.subarray(at, at + untilWrap));
  bytes.set(ring.subarray(0, bytes.length - untilWrap), untilWrap);
}

function channelOf(code: number | undefined): Channel {
  if (code === channels.error) return 'error';
  return code === channels.input ? 'input' : 'output';
}
