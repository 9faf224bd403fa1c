import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemErrorCode } from '../contracts/errors.ts';
import { currentLogFile, rotatedLogFiles } from './log-files.ts';
import { countLines, type LogCursor, wholeLines } from './log-reading.ts';

interface OpenFile {
  readonly file: number;
  /** Stays when it is rotated. */
  readonly inode: number;
  position: number;
}

/** Longer than any line. */
const blockBytes = 64 * 1024;

/**
 * Through log files from the oldest on, and through those that come while it is read. Whoever writes them lives in this
 * process: nothing changes within a call, because none of it waits.
 */
export class LogFileCursor implements LogCursor {
  readonly #folder: string;
  #files: OpenFile[];

  constructor(folder: string) {
    this.#folder = folder;
    this.#files = openAfter(folder, undefined);
  }

  countLines(): number {
    let count = 0;
    for (const { file, position } of this.#files)
      for (let at = position, block = read(file, at); block.length > 0; block = read(file, at)) {
        count += countLines(block);
        at += block.length;
      }
    return count;
  }

  next(): Buffer | undefined {
    for (;;) {
      const first = this.#files[0] ?? this.#appeared();
      if (first === undefined) return undefined;
      const lines = wholeLines(read(first.file, first.position));
      first.position += lines.length;
      if (lines.length > 0) return lines;
      if (this.#files.length === 1 && !this.#follow(first)) return undefined;
      closeSync(first.file);
      this.#files.shift();
    }
  }

  close(): void {
    for (const { file } of this.#files.splice(0)) closeSync(file);
  }

  #appeared(): OpenFile | undefined {
    this.#files = openAfter(this.#folder, undefined);
    return this.#files[0];
  }

  /** Opens what came after the file that was the current one; whether there is anything. */
  #follow({ inode }: OpenFile): boolean {
    const current = inodeOf(join(this.#folder, currentLogFile));
    if (current === undefined || current === inode) return false;
    this.#files.push(...openAfter(this.#folder, inode));
    return true;
  }
}

/** All files after that one; where it is gone, all there are: it was among the oldest. */
function openAfter(folder: string, inode: number | undefined): OpenFile[] {
  const paths = [...rotatedLogFiles(folder).map(({ path }) => path), join(folder, currentLogFile)];
  const after = paths.findIndex((path) => inode !== undefined && inodeOf(path) === inode) + 1;
  return paths.slice(after).flatMap((path) => {
    const file = undefinedIfGone(() => openSync(path, 'r'));
    return file === undefined ? [] : [{ file, inode: fstatSync(file).ino, position: 0 }];
  });
}

function read(file: number, position: number): Buffer {
  const block = Buffer.allocUnsafe(blockBytes);
  return block.subarray(0, readSync(file, block, 0, blockBytes, position));
}

function inodeOf(path: string): number | undefined {
  return undefinedIfGone(() => statSync(path).ino);
}

function undefinedIfGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
