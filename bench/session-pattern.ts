import { createCipheriv } from 'node:crypto';
import { sessionLimits } from '../src/contracts/session-wire.ts';

/** A prime: no size of a chunk, a frame or a window hides that bytes are missing. */
const period = 65_521;
const bytes = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(
  Buffer.alloc(period + sessionLimits.dataBytes),
);
for (let at = 0; at < sessionLimits.dataBytes; at += 1) bytes[period + at] = bytes[at] ?? 0;
// None is a Ctrl-C, which has a meaning.
for (let at = 0; at < bytes.length; at += 1) if (bytes[at] === 3) bytes[at] = 4;

/** Of the endless text of this seed, at most 64 KiB from an offset on. Not to be changed: it is no copy. */
export function patternAt(seed: number, offset: number, sizeBytes: number): Uint8Array {
  const start = (seed + offset) % period;
  return bytes.subarray(start, start + Math.min(sizeBytes, sessionLimits.dataBytes));
}

/** Says of each byte of such a text whether it is the one that belongs there. */
export class PatternCheck {
  readonly #seed: number;
  received = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  take(part: Uint8Array): void {
    for (let at = 0; at < part.length; ) {
      const expected = patternAt(this.#seed, this.received, part.length - at);
      if (Buffer.compare(part.subarray(at, at + expected.length), expected) !== 0)
        throw new Error(`Other bytes than those that were sent came after byte ${this.received}`);
      at += expected.length;
      this.received += expected.length;
    }
  }
}
