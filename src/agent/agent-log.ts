import { LogFileCursor } from './log-file-cursor.ts';
import type { LogFiles } from './log-files.ts';
import { type OwnLog, type OwnLogRequest, readLines } from './log-reading.ts';
import { LogRing } from './log-ring.ts';
import { Wake } from './wake.ts';

/** The log of an agent: each line is said, and kept for who reads it over a session, in files where there are any. */
export class AgentLog implements OwnLog {
  readonly #say: (line: string) => void;
  readonly #ring = new LogRing();
  readonly #readers = new Set<Wake>();
  #files: LogFiles | undefined;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  line(text: string): void {
    this.#say(text);
    if (this.#files === undefined) this.#ring.write(text);
    else this.#files.write(text);
    for (const reader of this.#readers) reader.wake();
  }

  /** From now on, and what was said before. */
  keepIn(files: LogFiles): void {
    for (const text of this.#ring.texts) files.write(text);
    this.#files = files;
  }

  async *read(request: OwnLogRequest): AsyncGenerator<Uint8Array> {
    const written = new Wake();
    this.#readers.add(written);
    try {
      const cursor = this.#files === undefined ? this.#ring.cursor() : new LogFileCursor(this.#files.folder);
      yield* readLines(cursor, request, written);
    } finally {
      this.#readers.delete(written);
    }
  }
}
