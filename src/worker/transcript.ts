import { type FileHandle, open } from 'node:fs/promises';

/**
 * Where a piece of the transcript comes from. `event`: a line that a runtime printed for us; what a person is shown of it
 * is in `stdout`. `supervisor`: our own words.
 */
export type TranscriptStream = 'stdout' | 'stderr' | 'event' | 'supervisor';

/** One JSON line per piece of output, in the order in which it arrived. */
export class Transcript {
  readonly #file: FileHandle;
  #leftBytes: number;
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle, maxBytes: number) {
    this.#file = file;
    this.#leftBytes = maxBytes;
  }

  static async open(path: string, maxBytes: number): Promise<Transcript> {
    return new Transcript(await open(path, 'ax', 0o600), maxBytes);
  }

  /** Resolves when it is written; never rejects. */
  add(stream: TranscriptStream, text: string): Promise<void> {
    if (text !== '' && this.#leftBytes > 0) {
      const line = this.#line(stream, text);
      this.#writing = this.#writing.then(() => this.#file.appendFile(line)).catch(() => this.#giveUp());
    }
    return this.#writing;
  }

  async close(): Promise<void> {
    try {
      await this.#writing;
    } finally {
      await this.#file.close();
    }
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
