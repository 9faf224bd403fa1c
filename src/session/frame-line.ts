import { sessionLimits } from '../contracts/session-wire.ts';
import type { DataFrame, Frame } from './frame.ts';

/** Data that more may be joined to. */
interface Growing {
  readonly offset: number;
  readonly channel: DataFrame['channel'];
  buffer: Buffer;
  size: number;
}

/** Below it, bytes are copied: as they come they may be a corner of a socket's buffer, which they would keep. */
const smallBytes = 16 * 1024;
const firstBytes = 1_024;

/** Frames in their order. Small data is joined with what is before it, so that many frames cost no more than their bytes. */
export class FrameLine {
  readonly #frames: (Frame | undefined)[] = [];
  #head = 0;
  /** The last, where it is data that was copied. */
  #last: Growing | undefined;

  get length(): number {
    return this.#frames.length - this.#head + (this.#last === undefined ? 0 : 1);
  }

  add(frame: Frame): void {
    if (frame.type !== 'data' || frame.bytes.length >= smallBytes) {
      this.#finish();
      this.#frames.push(frame);
      return;
    }
    if (!this.#joins(frame)) {
      this.#finish();
      const buffer = Buffer.allocUnsafe(Math.max(firstBytes, frame.bytes.length));
      this.#last = { offset: frame.offset, channel: frame.channel, buffer, size: 0 };
    }
    this.#join(frame.bytes);
  }

  take(): Frame | undefined {
    if (this.#head === this.#frames.length) this.#finish();
    const frame = this.#frames[this.#head];
    if (frame === undefined) return undefined;
    this.#frames[this.#head] = undefined;
    this.#head += 1;
    // Not with each one: that would move all the others.
    if (this.#head > 64 && this.#head * 2 > this.#frames.length) {
      this.#frames.splice(0, this.#head);
      this.#head = 0;
    }
    return frame;
  }

  #joins({ offset, channel, bytes }: DataFrame): boolean {
    const last = this.#last;
    return (
      last !== undefined &&
      last.channel === channel &&
      last.offset + last.size === offset &&
      last.size + bytes.length <= sessionLimits.dataBytes
    );
  }

  #join(bytes: Uint8Array): void {
    const last = this.#last;
    if (last === undefined) return;
    const needed = last.size + bytes.length;
    if (needed > last.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.min(sessionLimits.dataBytes, Math.max(needed, 2 * last.buffer.length)));
      larger.set(last.buffer.subarray(0, last.size));
      last.buffer = larger;
    }
    last.buffer.set(bytes, last.size);
    last.size = needed;
  }

  #finish(): void {
    if (this.#last === undefined) return;
    const { offset, channel, buffer, size } = this.#last;
    this.#frames.push({ type: 'data', offset, channel, bytes: buffer.subarray(0, size) });
    this.#last = undefined;
  }
}
