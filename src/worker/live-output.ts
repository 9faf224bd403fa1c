import { write } from 'node:fs';
import { promisify } from 'node:util';

export type OutputStream = 'stdout' | 'stderr';

/** Open files by number. */
export type OutputFiles = Readonly<Record<OutputStream, number>>;

const ownOutput = { stdout: 1, stderr: 2 } as const;
/** More is no longer read by a person, and an engine takes longer to pass it on than a subagent to print it. */
const defaultBytes = 16 * 1024 * 1024;
const farewell = 'agora worker: no more live output; the transcript goes on\n';
const writeSome = promisify(write);

/** Passes on what is printed while it is printed, up to a limit. */
export class LiveOutput {
  readonly #files: OutputFiles;
  readonly #broken = new Set<OutputStream>();
  #leftBytes: number;

  constructor(files: OutputFiles = ownOutput, maxBytes = defaultBytes) {
    this.#files = files;
    this.#leftBytes = maxBytes;
  }

  /** Resolves when it is passed on, or cannot be; never rejects. */
  async pass(stream: OutputStream, bytes: Buffer): Promise<void> {
    if (this.#leftBytes <= 0) return;
    const kept = bytes.subarray(0, this.#leftBytes);
    this.#leftBytes -= kept.length;
    await this.#write(stream, kept);
    if (this.#leftBytes <= 0) await this.#write(stream, Buffer.from(`\n${farewell}`));
  }

  async #write(stream: OutputStream, bytes: Buffer): Promise<void> {
    try {
      for (let at = 0; at < bytes.length && !this.#broken.has(stream); ) {
        at += (await writeSome(this.#files[stream], bytes, at)).bytesWritten;
      }
    } catch {
      // Nobody reads our output any more; the transcript still has it.
      this.#broken.add(stream);
    }
  }
}
