import type { LogCursor } from './log-reading.ts';

interface Kept {
  readonly text: string;
  /** With its time before it. */
  readonly bytes: Buffer;
}

const mostBytes = 256 * 1024;

/** The last lines of a log that is in no file. */
export class LogRing {
  #lines: Kept[] = [];
  #sizeBytes = 0;
  /** Lines that are gone. */
  #forgotten = 0;

  get texts(): readonly string[] {
    return this.#lines.map(({ text }) => text);
  }

  write(text: string): void {
    const bytes = Buffer.from(`${new Date().toISOString()} ${text.replaceAll('\n', ' ')}\n`);
    this.#lines.push({ text, bytes });
    this.#sizeBytes += bytes.length;
    let gone = 0;
    while (this.#sizeBytes > mostBytes) {
      this.#sizeBytes -= this.#lines[gone]?.bytes.length ?? 0;
      gone += 1;
    }
    if (gone === 0) return;
    this.#lines = this.#lines.slice(gone);
    this.#forgotten += gone;
  }

  /** From the oldest line that there is. */
  cursor(): LogCursor {
    let next = this.#forgotten;
    const rest = () => this.#lines.slice(Math.max(0, next - this.#forgotten));
    return {
      countLines: () => rest().length,
      next: () => {
        const lines = rest();
        next = this.#forgotten + this.#lines.length;
        return lines.length === 0 ? undefined : Buffer.concat(lines.map(({ bytes }) => bytes));
      },
      close: () => {},
    };
  }
}
