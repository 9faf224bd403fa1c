import { StringDecoder } from 'node:string_decoder';
import type { RedactedStream, Redactor } from '../base/redact.ts';
import { LineSplitter } from './line-splitter.ts';
import type { LiveOutput, OutputStream } from './live-output.ts';
import type { Transcript } from './transcript.ts';

/** Where output goes. */
export interface OutputSinks {
  readonly live: LiveOutput;
  readonly transcript: Transcript;
  readonly redactor: Redactor;
}

/** Understands the lines of a runtime: gives what a person should see of one. */
export interface LineReader {
  onLine(line: string): string;
  /** True once it need not go on. */
  readonly isHopeless?: boolean;
}

/** Takes one output of a program, chunk by chunk. */
export interface OutputFollower {
  take(bytes: Buffer): Promise<void>;
  end(): Promise<void>;
}

const longestPending = 1024 * 1024;

/** Shows and keeps output as it is, secrets blacked out. */
export class PlainFollower implements OutputFollower {
  readonly #sinks: OutputSinks;
  readonly #stream: OutputStream;
  readonly #redacted: RedactedStream;
  readonly #decoder = new StringDecoder('utf8');

  constructor(sinks: OutputSinks, stream: OutputStream) {
    this.#sinks = sinks;
    this.#stream = stream;
    this.#redacted = sinks.redactor.stream();
  }

  async take(bytes: Buffer): Promise<void> {
    await this.#pass(this.#redacted.push(bytes));
  }

  async end(): Promise<void> {
    await this.#pass(this.#redacted.end());
    await this.#sinks.transcript.add(this.#stream, this.#decoder.end());
  }

  async #pass(bytes: Buffer): Promise<void> {
    const { live, transcript } = this.#sinks;
    await Promise.all([live.pass(this.#stream, bytes), transcript.add(this.#stream, this.#decoder.write(bytes))]);
  }
}

/** Keeps the lines a runtime prints as they are, and shows what its reader makes of them. */
export class EventFollower implements OutputFollower {
  readonly #sinks: OutputSinks;
  readonly #reader: LineReader;
  readonly #shown: PlainFollower;
  readonly #redacted: RedactedStream;
  readonly #decoder = new StringDecoder('utf8');
  readonly #lines = new LineSplitter();
  /** What is kept next, once its line is whole. */
  #pending = '';

  constructor(sinks: OutputSinks, reader: LineReader) {
    this.#sinks = sinks;
    this.#reader = reader;
    this.#shown = new PlainFollower(sinks, 'stdout');
    this.#redacted = sinks.redactor.stream();
  }

  async take(bytes: Buffer): Promise<void> {
    this.#pending += this.#decoder.write(this.#redacted.push(bytes));
    const end = this.#pending.length > longestPending ? this.#pending.length : this.#pending.lastIndexOf('\n') + 1;
    await this.#keep(end);
    await this.#show(this.#lines.push(bytes));
  }

  async end(): Promise<void> {
    this.#pending += this.#decoder.write(this.#redacted.end()) + this.#decoder.end();
    await this.#keep(this.#pending.length);
    await this.#show(this.#lines.end());
    await this.#shown.end();
  }

  async #keep(end: number): Promise<void> {
    await this.#sinks.transcript.add('event', this.#pending.slice(0, end));
    this.#pending = this.#pending.slice(end);
  }

  async #show(lines: readonly string[]): Promise<void> {
    const texts = lines.map((line) => this.#read(line)).filter((text) => text !== '');
    if (texts.length > 0) await this.#shown.take(Buffer.from(`${texts.join('\n')}\n`));
  }

  #read(line: string): string {
    try {
      return this.#reader.onLine(line);
    } catch {
      // A line that a reader cannot take must not end the work; the transcript has it.
      return '';
    }
  }
}
