import type { Frame } from './frame.ts';
import { FrameLine } from './frame-line.ts';

/** A frame and the number of its stream. */
export interface Addressed {
  readonly stream: number;
  readonly frame: Frame;
}

/** Round robin: one frame of each stream in turn. Frames that hurry come before all others. */
export class FairQueue {
  /** By type and stream: a newer one replaces the one that waits. */
  readonly #hurried = new Map<string, Addressed>();
  /** In the order of their turns; none is empty. */
  readonly #lines = new Map<number, FrameLine>();

  /** What waits: frames that hurry, and streams that have any. */
  get size(): number {
    return this.#hurried.size + this.#lines.size;
  }

  /** Frames of a stream that wait for their turn and are not data. */
  withoutDataOf(stream: number): number {
    return this.#lines.get(stream)?.withoutData ?? 0;
  }

  hasDataOf(stream: number): boolean {
    const line = this.#lines.get(stream);
    return line !== undefined && line.length > line.withoutData;
  }

  get streamsWithData(): readonly number[] {
    return [...this.#lines.keys()].filter((stream) => this.hasDataOf(stream));
  }

  hurry(stream: number, frame: Frame): void {
    const key = `${frame.type} ${stream}`;
    const before = this.#hurried.get(key)?.frame;
    // Credit is an offset: only the largest says anything.
    if (before?.type === 'credit' && frame.type === 'credit' && before.offset > frame.offset) return;
    this.#hurried.set(key, { stream, frame });
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

  clear(): void {
    this.#hurried.clear();
    this.#lines.clear();
  }

  next(): Addressed | undefined {
    for (const [key, hurried] of this.#hurried) {
      this.#hurried.delete(key);
      return hurried;
    }
    for (const [stream, line] of this.#lines) {
      const frame = line.take();
      this.#lines.delete(stream);
      if (line.length > 0) this.#lines.set(stream, line);
      return frame === undefined ? undefined : { stream, frame };
    }
    return undefined;
  }
}
