import type { LineLog, LogLine, LogPart } from './line-log.ts';
import { Waiters } from './waiters.ts';

export interface ServerLogOptions {
  /** Gets each line as well. */
  readonly say: (line: string) => void;
  readonly now: () => Date;
  /** Of lines that are kept for who reads them over a session. Default: 2 MiB. */
  readonly mostBytes?: number;
}

const defaults = { mostBytes: 2 * 1024 * 1024 };
/** What a line costs besides its text. */
const lineBytes = 100;
const readAtOnce = 1_000;
const waitMs = 60_000;

/** The last lines of a server's own log. */
export class ServerLog implements LineLog {
  readonly #options: ServerLogOptions & typeof defaults;
  readonly #news = new Waiters<'line'>();
  #lines: LogLine[] = [];
  #sizeBytes = 0;
  /** Lines that are gone. */
  #forgotten = 0;

  constructor(options: ServerLogOptions) {
    this.#options = { ...defaults, ...options };
  }

  write(line: string): void {
    const { say, now, mostBytes } = this.#options;
    say(line);
    this.#lines.push({ text: line, at: now().toISOString() });
    this.#sizeBytes += sizeOf(line);
    // Not with each line: that would move all the others.
    if (this.#sizeBytes > mostBytes) this.#forget(mostBytes * 0.75);
    this.#news.tell('line');
  }

  read(from: number): LogPart {
    const first = Math.max(from, this.#forgotten);
    const at = first - this.#forgotten;
    const next = this.#forgotten + this.#lines.length;
    return { first, lines: this.#lines.slice(at, at + readAtOnce), next, isComplete: false };
  }

  changed(signal: AbortSignal): Promise<void> {
    return this.#news.wait('line', waitMs, signal);
  }

  #forget(leftBytes: number): void {
    let gone = 0;
    for (const { text } of this.#lines) {
      if (this.#sizeBytes <= leftBytes) break;
      this.#sizeBytes -= sizeOf(text);
      gone += 1;
    }
    this.#lines = this.#lines.slice(gone);
    this.#forgotten += gone;
  }
}

function sizeOf(line: string): number {
  return line.length + lineBytes;
}
