import { write } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { promisify } from 'node:util';

export type OutputStream = 'stdout' | 'stderr';

/** Open files by number. */
export type OutputFiles = Readonly<Record<OutputStream, number>>;

export interface RelayOptions {
  /** Open, and closed at the end. */
  readonly transcript: Transcript;
  /** How much the subagent may print; the transcript ends with a line that says so at the same size. */
  readonly maxBytes: number;
  /** Where its output goes on to. Default: this process's own. */
  readonly output?: OutputFiles;
  /** Called once, when the subagent has printed more. */
  readonly onTooMuch: () => void;
}

const ownOutput = { stdout: 1, stderr: 2 } as const;
const writeSome = promisify(write);

/**
 * Passes on both outputs of the subagent and keeps them as a transcript. Reads only as fast as both can be written:
 * one chunk of each stream is in memory. Resolves when both have ended.
 */
export async function relayOutput(
  outputs: Readonly<Record<OutputStream, Readable>>,
  options: RelayOptions,
): Promise<void> {
  const { transcript } = options;
  const relay = new Relay(transcript, options);
  try {
    await Promise.all([relay.follow('stdout', outputs.stdout), relay.follow('stderr', outputs.stderr)]);
  } finally {
    await transcript.close();
  }
}

class Relay {
  readonly #transcript: Transcript;
  readonly #options: RelayOptions;
  readonly #broken = new Set<OutputStream>();
  #leftBytes: number;

  constructor(transcript: Transcript, options: RelayOptions) {
    this.#transcript = transcript;
    this.#options = options;
    this.#leftBytes = options.maxBytes;
  }

  async follow(stream: OutputStream, source: Readable): Promise<void> {
    const decoder = new StringDecoder('utf8');
    try {
      for await (const chunk of source as AsyncIterable<Buffer>) {
        if (!(await this.#take(stream, chunk, decoder))) return;
      }
    } catch {
      // The pipe was closed from our side after the subagent's end.
    } finally {
      await this.#transcript.add(stream, decoder.end());
    }
  }

  async #take(stream: OutputStream, chunk: Buffer, decoder: StringDecoder): Promise<boolean> {
    const kept = chunk.subarray(0, this.#leftBytes);
    const isTooMuch = kept.length < chunk.length;
    this.#leftBytes -= kept.length;
    await Promise.all([this.#pass(stream, kept), this.#transcript.add(stream, decoder.write(kept))]);
    if (isTooMuch) this.#options.onTooMuch();
    return !isTooMuch;
  }

  async #pass(stream: OutputStream, bytes: Buffer): Promise<void> {
    const target = (this.#options.output ?? ownOutput)[stream];
    try {
      for (let at = 0; at < bytes.length && !this.#broken.has(stream); ) {
        at += (await writeSome(target, bytes, at)).bytesWritten;
      }
    } catch {
      // Nobody reads our output any more; the transcript still has it.
      this.#broken.add(stream);
    }
  }
}

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

  add(stream: OutputStream, text: string): Promise<void> {
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

  #line(stream: OutputStream, text: string): string {
    const at = new Date().toISOString();
    const line = `${JSON.stringify({ at, stream, text })}\n`;
    this.#leftBytes -= Buffer.byteLength(line);
    return this.#leftBytes > 0
      ? line
      : `${JSON.stringify({ at, stream: 'supervisor', text: 'The transcript is full.' })}\n`;
  }
}
