import { appendFile, closeSync, openSync } from 'node:fs';
import { promisify } from 'node:util';

const append = promisify(appendFile);

/**
 * Where a piece of the transcript comes from. `event`: a line that a runtime printed for us; what a person is shown of it
 * is in `stdout`. `supervisor`: our own words.
 */
export type TranscriptStream = 'stdout' | 'stderr' | 'event' | 'supervisor';

/** One JSON line per piece of output, in the order in which it arrived. */
export class Transcript {
  readonly #file: number;
  #leftBytes: number;
  #isClosed = false;
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: number, maxBytes: number) {
    this.#file = file;
    this.#leftBytes = maxBytes;
  }

  static open(path: string, maxBytes: number): Transcript {
    return new Transcript(openSync(path, 'ax', 0o600), maxBytes);
  }

  /** Resolves when it is written; never rejects. */
  add(stream: TranscriptStream, text: string): Promise<void> {
    if (text !== '' && this.#leftBytes > 0 && !this.#isClosed) {
      const line = this.#line(stream, text);
      this.#writing = this.#writing.then(() => append(this.#file, line)).catch(() => this.#giveUp());
    }
    return this.#writing;
  }

  /** Closed again without harm; what is added afterwards is lost. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#writing;
    closeSync(this.#file);
  }

  // A full disk must not stop the subagent's output from being read: the end of its run will say what happened.
  #giveUp(): void {
    this.#leftBytes = 0;
  }

  #line(stream: TranscriptStream, text: string): string {
    const at = new Date().toISOString();
    const line = `${JSON.stringify({ at, stream, text })}\n`;
    this.#leftBytes -= Buffer.byteLength(line);
    return this.#leftBytes > 0
      ? line
      : `${JSON.stringify({ at, stream: 'supervisor', text: 'The transcript is full.\n' })}\n`;
  }
}
