import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';
import { Redactor } from '../base/redact.ts';
import { type Build, buildLogLimits } from '../contracts/builds.ts';

/** Docker writes `Step 1/3 : RUN …`, Podman `STEP 1/3: RUN …`. */
const stepPattern = /^step (\d{1,5})\/(\d{1,5}) ?: ?(.*)/i;
/** What the engine itself says of a step. */
const ownPattern = /^( ?---> |Removing intermediate container |-->)/;
/** What comes after it is no step's. */
const donePattern = /^Successfully built /;
const lastLines = 3;
/** What goes to the server at once. */
const reportBytes = 512 * 1024;

export interface LogPart {
  /** Number of the first line. */
  readonly first: number;
  readonly lines: readonly string[];
}

export interface CurrentStep {
  /** As the Dockerfile has it. */
  readonly instruction: string;
  /** The last few that its command printed. */
  readonly lastLines: readonly string[];
}

/** What a build prints, in numbered lines without its secrets: those that the server does not have yet, the newest at most. */
export class BuildLog {
  #redacted = new Redactor({}).stream();
  readonly #decoder = new StringDecoder('utf8');
  #lines: string[] = [];
  #bytes = 0;
  #first = 0;
  #unended = '';
  #step: Build['step'];
  #current: CurrentStep | undefined;

  /** From here on these are not shown. */
  hide(secrets: Readonly<Record<string, string>>): void {
    this.end();
    this.#redacted = new Redactor(secrets).stream();
  }

  /** The last that it said it is at. */
  get step(): Build['step'] {
    return this.#step;
  }

  /** Undefined before the first one, and after the last. */
  get current(): CurrentStep | undefined {
    return this.#current;
  }

  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  /** Takes text that is cut anywhere. */
  write(text: string): void {
    this.#take(this.#decoder.write(this.#redacted.push(Buffer.from(text))));
  }

  /** A line of our own, on a line of its own. */
  say(line: string): void {
    this.end();
    this.#take(`${line}\n`);
  }

  /** Nothing more is written: what was held back or not ended by a line end is a line now. */
  end(): void {
    const rest = this.#decoder.write(this.#redacted.end());
    this.#take(this.#unended === '' && rest === '' ? '' : `${rest}\n`);
  }

  /** The oldest that fit into a report. */
  next(): LogPart {
    let bytes = 0;
    const lines = this.#lines.slice(0, buildLogLimits.reportLines);
    const fitting = lines.findIndex((line) => {
      bytes += Buffer.byteLength(line);
      return bytes > reportBytes;
    });
    return { first: this.#first, lines: fitting < 1 ? lines : lines.slice(0, fitting) };
  }

  /** Whether no line is left after so many. */
  isToldWith(count: number): boolean {
    return this.#lines.length <= count;
  }

  /** The server has all lines before this one. */
  told(before: number): void {
    this.#forget(Math.max(0, before - this.#first));
  }

  #take(text: string): void {
    const parts = `${this.#unended}${text}`.split('\n');
    this.#unended = parts.pop() ?? '';
    for (const part of parts) this.#addLine(part);
    while (this.#unended.length > buildLogLimits.lineCharacters) {
      this.#addLine(this.#unended.slice(0, buildLogLimits.lineCharacters));
      this.#unended = this.#unended.slice(buildLogLimits.lineCharacters);
    }
  }

  #addLine(text: string): void {
    // Of what is drawn over itself, the last.
    const shown = stripVTControlCharacters(text.replace(/\r+$/, '').replace(/^.*\r/, ''));
    this.#follow(shown);
    for (let at = 0; at === 0 || at < shown.length; at += buildLogLimits.lineCharacters) {
      const line = shown.slice(at, at + buildLogLimits.lineCharacters);
      this.#lines.push(line);
      this.#bytes += Buffer.byteLength(line);
    }
    while (this.#lines.length > buildLogLimits.lines || this.#bytes > buildLogLimits.bytes) this.#forget(1);
  }

  #follow(line: string): void {
    const [, number, of, instruction = ''] = stepPattern.exec(line) ?? [];
    if (Number(number) >= 1 && Number(of) >= 1) {
      this.#step = { number: Number(number), of: Number(of) };
      this.#current = { instruction, lastLines: [] };
    } else if (donePattern.test(line)) {
      this.#current = undefined;
    } else if (this.#current !== undefined && line.trim() !== '' && !ownPattern.test(line)) {
      this.#current = { ...this.#current, lastLines: [...this.#current.lastLines.slice(1 - lastLines), line] };
    }
  }

  #forget(count: number): void {
    for (const line of this.#lines.splice(0, count)) this.#bytes -= Buffer.byteLength(line);
    this.#first += count;
  }
}
