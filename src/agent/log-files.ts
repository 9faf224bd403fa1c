import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

export interface LogFilesOptions {
  readonly folder: string;
  /** Of all its files together; the oldest go first. */
  readonly maxTotalBytes: number;
  /** Default: the clock. */
  readonly now?: () => Date;
}

/** Of the total, what the file that is written may have before it becomes one of the rotated. */
const shareOfOne = 4;
const rotatedPattern = /^agent-\d{8}T\d{9}Z(-\d+)?\.log$/;
/** The file that is written now. */
export const currentLogFile = 'agent.log';

/** Log files with a cap on all of them together. What cannot be written is lost: a full disk must not stop an agent. */
export class LogFiles {
  readonly #options: LogFilesOptions;
  readonly #path: string;
  readonly #maxBytes: number;
  #file: number | undefined;
  #sizeBytes = 0;

  constructor(options: LogFilesOptions) {
    this.#options = options;
    this.#path = join(options.folder, currentLogFile);
    this.#maxBytes = Math.floor(options.maxTotalBytes / shareOfOne);
  }

  get folder(): string {
    return this.#options.folder;
  }

  /** Adds a line with its time. */
  write(line: string): void {
    const at = (this.#options.now?.() ?? new Date()).toISOString();
    const bytes = Buffer.from(`${at} ${line.replaceAll('\n', ' ')}`).subarray(0, this.#maxBytes - 1);
    try {
      if (this.#file !== undefined && this.#sizeBytes + bytes.length + 1 > this.#maxBytes) this.#rotate(at);
      this.#file ??= this.#open();
      this.#sizeBytes += writeSync(this.#file, Buffer.concat([bytes, Buffer.from('\n')]));
    } catch {
      this.close(); // It is opened anew for the next line; the same line is on stderr.
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  /** Goes on with the file of an agent before. */
  #open(): number {
    mkdirSync(this.#options.folder, { recursive: true, mode: 0o700 });
    const file = openSync(this.#path, 'a', 0o600);
    this.#sizeBytes = fstatSync(file).size;
    this.#removeOldest();
    return file;
  }

  #rotate(at: string): void {
    this.close();
    const name = `agent-${at.replace(/[-:.]/g, '')}`;
    const taken = new Set(readdirSync(this.#options.folder));
    let to = `${name}.log`;
    for (let count = 1; taken.has(to); count += 1) to = `${name}-${count}.log`;
    renameSync(this.#path, join(this.#options.folder, to));
    this.#file = this.#open();
  }

  /** Until there is room for a whole file more. */
  #removeOldest(): void {
    const { folder, maxTotalBytes } = this.#options;
    const rotated = rotatedLogFiles(folder);
    let total = rotated.reduce((sum, { sizeBytes }) => sum + sizeBytes, this.#maxBytes);
    for (const { path, sizeBytes } of rotated) {
      if (total <= maxTotalBytes) return;
      rmSync(path, { force: true });
      total -= sizeBytes;
    }
  }
}

export interface RotatedLogFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** The oldest first; none where there is no folder. */
export function rotatedLogFiles(folder: string): RotatedLogFile[] {
  return (existsSync(folder) ? readdirSync(folder) : [])
    .filter((name) => rotatedPattern.test(name))
    .map((name) => ({ path: join(folder, name), ...timesOf(join(folder, name)) }))
    .sort((a, b) => a.modifiedMs - b.modifiedMs || a.path.localeCompare(b.path));
}

function timesOf(path: string): { readonly sizeBytes: number; readonly modifiedMs: number } {
  const { size, mtimeMs } = statSync(path);
  return { sizeBytes: size, modifiedMs: mtimeMs };
}
