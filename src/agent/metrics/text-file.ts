import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';

const buffer = Buffer.allocUnsafe(64 * 1024);
/** Of a cgroup's file, a read that gives less than this came to the end: its lines are short, and the kernel fills a page with them. */
const surelyLast = 2_048;
const mostBytes = 4 * 1024 * 1024;

/**
 * A file of /proc or of a cgroup, undefined when it is not there or its process has ended. Not through a thread: the kernel answers
 * from memory, and a thread would cost more than the answer.
 */
export function readText(path: string): string | undefined {
  const file = opened(path);
  if (file === undefined) return undefined;
  try {
    return readToEnd(file);
  } catch {
    return undefined; // It went away meanwhile.
  } finally {
    closeSync(file);
  }
}

const mostOpen = 512;

/**
 * Files of cgroups that are read again and again: kept open, a look costs a quarter. An open one does not keep its cgroup from being
 * removed, and then reads as not there.
 */
export class OpenFiles {
  #open = new Map<string, number>();
  #read = new Map<string, number>();

  text(path: string): string | undefined {
    const file = this.#read.get(path) ?? this.#open.get(path) ?? opened(path);
    if (file === undefined) return undefined;
    try {
      const text = readFromStart(file);
      this.#read.set(path, file);
      this.#open.delete(path);
      return text;
    } catch {
      this.#read.delete(path);
      this.#open.delete(path);
      closeSync(file);
      return undefined; // Its cgroup was removed.
    }
  }

  /** A file that holds one whole number. */
  number(path: string): number | undefined {
    const value = Number.parseInt(this.text(path) ?? '', 10);
    return Number.isNaN(value) ? undefined : value;
  }

  /** Ends a pass: closes what was not read in it, and what is too many. */
  endPass(): void {
    for (const file of this.#open.values()) closeSync(file);
    const kept = [...this.#read];
    for (const [, file] of kept.slice(mostOpen)) closeSync(file);
    this.#open = new Map(kept.slice(0, mostOpen));
    this.#read = new Map();
  }
}

export function readNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // As an empty one.
  }
}

export function readFolders(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch {
    return []; // Gone meanwhile.
  }
}

export function readTarget(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined; // Not there, or of another user.
  }
}

function opened(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch {
    return undefined; // Not there, or not ours to read: both are "not known".
  }
}

/** However little a read gives: a line that is too long for what is left of a page comes with the next one. */
function readToEnd(file: number): string {
  let text = '';
  for (let size = 1; size > 0 && text.length < mostBytes; ) {
    size = readSync(file, buffer, 0, buffer.length, null);
    text += buffer.toString('latin1', 0, size);
  }
  return text;
}

function readFromStart(file: number): string {
  let text = '';
  let size = readSync(file, buffer, 0, buffer.length, 0);
  while (size >= surelyLast && text.length < mostBytes) {
    text += buffer.toString('latin1', 0, size);
    // In latin1 a character is a byte.
    size = readSync(file, buffer, 0, buffer.length, text.length);
  }
  return text + buffer.toString('latin1', 0, size);
}
