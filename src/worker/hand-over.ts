import { mkdirSync, readSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { unpackFiles } from '../base/file-pack.ts';
import { AppError } from '../contracts/errors.ts';
import type { HandOver } from '../contracts/hand-over.ts';

/** What a supervisor in a container was handed besides the files in its `in` folder. */
export interface Handed {
  readonly reportKey: Uint8Array;
  /** Gives the secrets and ends. */
  readonly secrets: Readable;
}

const chunkBytes = 64 * 1024;
const mostBytes = 1024 * 1024;
const newline = 0x0a;

/**
 * Reads all that comes on an open file, and lays out the inputs among it: for everybody to read, for us to write. It was
 * given before this process began, and nothing else can be done without it: each turn of the event loop would only cost.
 */
export function takeHandOver(file: number, inFolder: string): Handed {
  const input = new Input(file);
  const { packBytes, secretBytes, reportKey } = parseHandOver(input.line());
  const pack = input.take(packBytes);
  for (const { path, bytes } of packBytes === 0 ? [] : unpackFiles(pack)) {
    const target = join(inFolder, path);
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
    writeFileSync(target, bytes, { mode: 0o444, flag: 'wx' });
  }
  const secrets = input.take(secretBytes);
  return { reportKey: Buffer.from(reportKey, 'base64url'), secrets: Readable.from(secretBytes === 0 ? [] : [secrets]) };
}

/** Not `process.stdin`: a stream of it takes longer to load than everything here to read. */
class Input {
  readonly #file: number;
  #pending = Buffer.alloc(0);

  constructor(file: number) {
    this.#file = file;
  }

  line(): string {
    for (let end = -1; ; ) {
      end = this.#pending.indexOf(newline);
      if (end >= 0) return this.take(end + 1).toString('utf8');
      this.#more();
    }
  }

  take(sizeBytes: number): Buffer {
    while (this.#pending.length < sizeBytes) this.#more();
    const taken = this.#pending.subarray(0, sizeBytes);
    this.#pending = this.#pending.subarray(sizeBytes);
    return taken;
  }

  #more(): void {
    const buffer = Buffer.alloc(chunkBytes);
    const bytesRead = readSync(this.#file, buffer);
    if (bytesRead === 0) throw unusable('it ended early');
    this.#pending = Buffer.concat([this.#pending, buffer.subarray(0, bytesRead)]);
    if (this.#pending.length > mostBytes) throw unusable('it is too long');
  }
}

function parseHandOver(line: string): HandOver {
  const value = parseOrUndefined(line);
  if (typeof value !== 'object' || value === null) throw unusable('it begins with no object');
  const { packBytes, secretBytes, reportKey } = value as Partial<Record<keyof HandOver, unknown>>;
  if (!isSize(packBytes) || !isSize(secretBytes) || typeof reportKey !== 'string')
    throw unusable('its first line lacks a field');
  return { packBytes, secretBytes, reportKey };
}

// The words of a failure of `JSON.parse` would show the log what was handed over.
function parseOrUndefined(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function unusable(state: string): AppError {
  return new AppError('invalid-input', `Cannot read what was handed over on stdin: ${state}`);
}
