import type { Frame } from './frame.ts';
import { FrameLine } from './frame-line.ts';

/** A frame and the number of its stream. */
export interface Addressed {
  readonly stream: number;
  readonly frame: Frame;
}

/** Frames of several streams, given out in turn: one of each that has any. Those that hurry come first. */
export class FairQueue {
  readonly #hurried: Addressed[] = [];
  /** In the order of their turns; none is empty. */
  readonly #lines = new Map<number, FrameLine>();

  /** What waits: frames that hurry, and streams that have any. */
  get size(): number {
    return this.#hurried.length + this.#lines.size;
  }

  /** Frames of a stream that wait for their turn. */
  lengthOf(stream: number): number {
    return this.#lines.get(stream)?.length ?? 0;
  }

  hurry(stream: number, frame: Frame): void {
    this.#hurried.push({ stream, frame });
  }

  add(stream: number, frame: Frame): void {
    const line = this.#lines.get(stream) ?? new FrameLine();
    this.#lines.set(stream, line);
    line.add(frame);
  }

  /** Forgets what a stream still had. */
  drop(stream: number): void {
    this.#lines.delete(stream);
  }

  next(): Addressed | undefined {
    const hurried = this.#hurried.shift();
    if (hurried !== undefined) return hurried;
    for (const [stream, line] of this.#lines) {
      const frame = line.take();
      this.#lines.delete(stream);
      if (line.length > 0) this.#lines.set(stream, line);
      return frame === undefined ? undefined : { stream, frame };
    }
    return undefined;
  }
}
