import type { Readable } from 'node:stream';
import type { Redactor } from '../base/redact.ts';
import { LiveOutput, type OutputFiles, type OutputStream } from './live-output.ts';
import {
  EventFollower,
  type LineReader,
  type OutputFollower,
  type OutputSinks,
  PlainFollower,
} from './output-follower.ts';
import { Transcript } from './transcript.ts';

export interface RecordingOptions {
  /** Where the transcript goes. */
  readonly path: string;
  /** How much all programs of a task may print together; the transcript ends with a line that says so at the same size. */
  readonly maxBytes: number;
  readonly redactor: Redactor;
  /** Where output goes on to. Default: this process's own. */
  readonly output?: OutputFiles | undefined;
}

export interface FollowOptions {
  /** Reads stdout line by line. Absent: it is shown as it is. */
  readonly reader?: LineReader | undefined;
  /** Called when more was printed than may be. */
  readonly onTooMuch: () => void;
}

/** Everything that the programs of a task print: shown while it comes, kept as one transcript, no secret in either. */
export class Recording {
  readonly #sinks: OutputSinks;
  #leftBytes: number;

  private constructor(sinks: OutputSinks, maxBytes: number) {
    this.#sinks = sinks;
    this.#leftBytes = maxBytes;
  }

  static open({ path, maxBytes, redactor, output }: RecordingOptions): Recording {
    const transcript = Transcript.open(path, maxBytes);
    return new Recording({ transcript, redactor, live: new LiveOutput(output) }, maxBytes);
  }

  /**
   * Takes both outputs of a program until they end, only as fast as they can be passed on: one chunk of each is in
   * memory.
   */
  async follow(outputs: Readonly<Record<OutputStream, Readable>>, options: FollowOptions): Promise<void> {
    const { reader } = options;
    const stdout =
      reader === undefined ? new PlainFollower(this.#sinks, 'stdout') : new EventFollower(this.#sinks, reader);
    const stderr = new PlainFollower(this.#sinks, 'stderr');
    await Promise.all([
      this.#takeAll(outputs.stdout, stdout, options.onTooMuch),
      this.#takeAll(outputs.stderr, stderr, options.onTooMuch),
    ]);
  }

  /** Our own words, for whoever watches. */
  async note(text: string): Promise<void> {
    const { live, transcript } = this.#sinks;
    await Promise.all([
      live.pass('stderr', Buffer.from(`agora worker: ${text}\n`)),
      transcript.add('supervisor', `${text}\n`),
    ]);
  }

  async close(): Promise<void> {
    await this.#sinks.transcript.close();
  }

  async #takeAll(source: Readable, follower: OutputFollower, onTooMuch: () => void): Promise<void> {
    try {
      for await (const chunk of source as AsyncIterable<Buffer>) {
        const kept = chunk.subarray(0, this.#leftBytes);
        this.#leftBytes -= kept.length;
        await follower.take(kept);
        if (kept.length === chunk.length) continue;
        onTooMuch();
        return;
      }
    } catch {
      // The pipe was closed from our side after the program's end.
    } finally {
      await follower.end();
    }
  }
}
