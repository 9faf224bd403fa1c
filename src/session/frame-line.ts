import { type CallerEvent, sessionLimits } from '../contracts/session-wire.ts';
import { type DataFrame, type Frame, withHeadroom } from './frame.ts';

/** Data that more may be joined to. */
interface Growing {
  readonly offset: number;
  readonly channel: DataFrame['channel'];
  buffer: Buffer;
  size: number;
}

/** Below it, bytes are copied: as they come they may be a corner of a socket's buffer, which they would keep. */
const smallBytes = sessionLimits.pieceBytes;
const firstBytes = 1_024;

/** Frames in their order. Small data is joined with what is before it, so that many frames cost no more than their bytes. */
export class FrameLine {
  readonly #frames: (Frame | undefined)[] = [];
  #head = 0;
  #withoutData = 0;
  /** The last, where it is data that was copied. */
  #growing: Growing | undefined;

  get length(): number {
    return this.#frames.length - this.#head + (this.#growing === undefined ? 0 : 1);
  }

  /** How many of them are not data. */
  get withoutData(): number {
    return this.#withoutData;
  }

  add(frame: Frame): void {
    if (frame.type === 'data' && frame.bytes.length < smallBytes) this.#addSmall(frame);
    else this.#addWhole(frame);
  }

  take(): Frame | undefined {
    if (this.#head === this.#frames.length) this.#finish();
    const frame = this.#frames[this.#head];
    if (frame === undefined) return undefined;
    this.#frames[this.#head] = undefined;
    this.#head += 1;
    if (frame.type !== 'data') this.#withoutData -= 1;
    // Not with each one: that would move all the others.
    if (this.#head > 64 && this.#head * 2 > this.#frames.length) {
      this.#frames.splice(0, this.#head);
      this.#head = 0;
    }
    return frame;
  }

  #addSmall({ offset, channel, bytes }: DataFrame): void {
    if (this.#growing === undefined || !joins(this.#growing, { offset, channel, bytes })) {
      this.#finish();
      const buffer = withHeadroom(Math.max(firstBytes, bytes.length));
      this.#growing = { offset, channel, buffer, size: 0 };
    }
    append(this.#growing, bytes);
  }

  #addWhole(frame: Frame): void {
    this.#finish();
    const last = this.#frames.length - 1;
    // Of sizes only the last counts.
    if (last >= this.#head && isResize(frame) && isResize(this.#frames[last])) {
      this.#frames[last] = frame;
      return;
    }
    this.#frames.push(frame);
    if (frame.type !== 'data') this.#withoutData += 1;
  }

  #finish(): void {
    if (this.#growing === undefined) return;
    const { offset, channel, buffer, size } = this.#growing;
    this.#frames.push({ type: 'data', offset, channel, bytes: buffer.subarray(0, size), hasHeadroom: true });
    this.#growing = undefined;
  }
}

function joins(growing: Growing, { offset, channel, bytes }: Omit<DataFrame, 'type'>): boolean {
  return (
    growing.channel === channel &&
    growing.offset + growing.size === offset &&
    growing.size + bytes.length <= sessionLimits.pieceBytes
  );
}

function append(growing: Growing, bytes: Uint8Array): void {
  const needed = growing.size + bytes.length;
  if (needed > growing.buffer.length) {
    const larger = withHeadroom(Math.min(sessionLimits.pieceBytes, Math.max(needed, 2 * growing.buffer.length)));
    larger.set(growing.buffer.subarray(0, growing.size));
    growing.buffer = larger;
  }
  growing.buffer.set(bytes, growing.size);
  growing.size = needed;
}

const resize: CallerEvent['event'] = 'resize';

function isResize(frame: Frame | undefined): boolean {
  if (frame?.type !== 'control' || typeof frame.json !== 'object' || frame.json === null) return false;
  return 'event' in frame.json && frame.json.event === resize;
}
