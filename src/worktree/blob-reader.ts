import { AppError } from '../contracts/errors.ts';
import { type GitFolder, spawnGit } from './git.ts';

const newline = 0x0a;

/** Reads blobs one after the other from one process of git, started with the first. */
export class BlobReader {
  readonly #folder: GitFolder;
  readonly #signal: AbortSignal | undefined;
  #process: ReturnType<typeof spawnGit> | undefined;
  #chunks: AsyncIterator<Buffer> | undefined;
  #ended: Promise<void> | undefined;
  #rest: Buffer = Buffer.alloc(0);

  constructor(folder: GitFolder, signal?: AbortSignal) {
    this.#folder = folder;
    this.#signal = signal;
  }

  /** To be read to its end before the next one is asked for. */
  async *read(blob: string): AsyncGenerator<Buffer> {
    this.#start().stdin.write(`${blob}\n`);
    const header = await this.#line();
    const size = / blob (\d+)$/.exec(header)?.[1];
    if (size === undefined) throw new AppError('internal', `Cannot read blob "${blob}": git does not have it`);
    for (let left = Number(size); left > 0; ) {
      if (this.#rest.length === 0) await this.#more();
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
    await this.#line();
  }

  async close(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#ended;
  }

  #start(): ReturnType<typeof spawnGit> {
    if (this.#process !== undefined) return this.#process;
    const process = spawnGit(this.#folder, ['cat-file', '--batch'], this.#signal);
    this.#ended = new Promise((resolve) => process.on('close', () => resolve()));
    // Its end shows when the next answer is read.
    process.stdin.on('error', () => {});
    process.on('error', () => {});
    process.stderr.resume();
    this.#chunks = (process.stdout as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    this.#process = process;
    return process;
  }

  async #line(): Promise<string> {
    for (let end = -1; ; ) {
      end = this.#rest.indexOf(newline);
      if (end >= 0) {
        const line = this.#rest.toString('latin1', 0, end);
        this.#rest = this.#rest.subarray(end + 1);
        return line;
      }
      await this.#more();
    }
  }

  async #more(): Promise<void> {
    const next = await this.#chunks?.next();
    this.#signal?.throwIfAborted();
    if (next === undefined || next.done === true) {
      throw new AppError('internal', 'Cannot read a blob: git ended early');
    }
    this.#rest = this.#rest.length === 0 ? next.value : Buffer.concat([this.#rest, next.value]);
  }
}
