import { sealedLineMark } from '../base/sealed-lines.ts';
import type { LogChunk } from './compute.ts';

const newline = 0x0a;
/** Sealed lines begin on a line of their own, which may leave an empty one before them. */
const starts = [Buffer.from(sealedLineMark), Buffer.from(`\n${sealedLineMark}`)];

/** A log as people see it, without the lines in which a supervisor tells its report. */
export async function* withoutSealedLines(log: AsyncIterable<LogChunk>): AsyncGenerator<LogChunk> {
  const filters = { stdout: new SealedLineFilter(), stderr: new SealedLineFilter() };
  for await (const chunk of log) {
    const bytes = filters[chunk.stream].pass(chunk.bytes);
    if (bytes.length > 0) yield { ...chunk, bytes };
  }
  for (const stream of ['stdout', 'stderr'] as const) {
    const bytes = filters[stream].rest();
    if (bytes.length > 0) yield { stream, bytes };
  }
}

/** Holds back no more than what may be the beginning of a sealed line. */
class SealedLineFilter {
  #held: Buffer = Buffer.alloc(0);
  #isAtLineStart = true;
  #isHiding = false;

  pass(chunk: Uint8Array): Uint8Array {
    let left: Buffer = Buffer.concat([this.#held, chunk]);
    this.#held = Buffer.alloc(0);
    const passed: Uint8Array[] = [];
    while (left.length > 0) {
      if (this.#isAtLineStart && !this.#isHiding) left = this.#look(left);
      const end = left.indexOf(newline);
      const line = end < 0 ? left : left.subarray(0, end + 1);
      if (!this.#isHiding) passed.push(line);
      left = left.subarray(line.length);
      if (line.length > 0) this.#isAtLineStart = end >= 0;
      if (end >= 0) this.#isHiding = false;
    }
    return passed.length === 1 && passed[0] !== undefined ? passed[0] : Buffer.concat(passed);
  }

  rest(): Uint8Array {
    return this.#held;
  }

  /** Decides on what stands at the start of a line; gives what is left to go through. */
  #look(left: Buffer): Buffer {
    const start = starts.find((one) => one.equals(left.subarray(0, one.length)));
    this.#isHiding = start !== undefined;
    if (start !== undefined) return left.subarray(start.length);
    if (!starts.some((one) => one.subarray(0, left.length).equals(left))) return left;
    this.#held = left;
    return Buffer.alloc(0);
  }
}
