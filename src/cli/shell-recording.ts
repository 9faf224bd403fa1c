import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { Redactor } from '../base/redact.ts';
import type { Digest } from '../contracts/ids.ts';
import type { Storage } from '../storage/storage.ts';

export interface RecordingOptions {
  readonly storage: Storage;
  readonly redactor: Redactor;
  readonly columns: number;
  readonly rows: number;
  readonly startedAt: Date;
}

/** A recording past this ends; the shell goes on. */
const mostBytes = 64 * 1024 * 1024;

/** What a terminal showed, as asciicast v2 in storage, secrets blacked out. It streams: nothing of it is kept in memory. */
export class ShellRecording {
  readonly #content = new PassThrough();
  readonly #stored: Promise<Digest>;
  readonly #redacted: ReturnType<Redactor['stream']>;
  readonly #decoder = new StringDecoder('utf8');
  readonly #beganAt = performance.now();
  #leftBytes = mostBytes;

  constructor({ storage, redactor, columns, rows, startedAt }: RecordingOptions) {
    this.#redacted = redactor.stream();
    this.#stored = storage.putBlob(this.#content).then(({ digest }) => digest);
    // It is awaited at the end; one that fails before must not end the process.
    this.#stored.catch(() => this.#content.destroy());
    const timestamp = Math.floor(startedAt.getTime() / 1000);
    void this.#line({ version: 2, width: columns, height: rows, timestamp, env: { TERM: 'xterm-256color' } });
  }

  /** Takes what the terminal showed; waits while storage is slower. */
  async output(bytes: Uint8Array): Promise<void> {
    await this.#shown(this.#redacted.push(Buffer.from(bytes)));
  }

  async resized(columns: number, rows: number): Promise<void> {
    await this.#event('r', `${columns}x${rows}`);
  }

  /** Its digest, once it is stored. */
  async end(): Promise<Digest> {
    await this.#shown(this.#redacted.end());
    const cut = this.#decoder.end();
    if (cut !== '') await this.#event('o', cut);
    this.#content.end();
    return this.#stored;
  }

  async #shown(bytes: Buffer): Promise<void> {
    const text = this.#decoder.write(bytes);
    if (text !== '') await this.#event('o', text);
  }

  #event(kind: 'o' | 'r', text: string): Promise<void> {
    const seconds = Number(((performance.now() - this.#beganAt) / 1000).toFixed(6));
    return this.#line([seconds, kind, text]);
  }

  async #line(value: unknown): Promise<void> {
    const line = `${JSON.stringify(value)}\n`;
    this.#leftBytes -= Buffer.byteLength(line);
    if (this.#leftBytes < 0 || this.#content.destroyed) return;
    if (!this.#content.write(line)) await Promise.race([once(this.#content, 'drain'), once(this.#content, 'close')]);
  }
}
