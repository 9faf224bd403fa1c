import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';

const buffer = Buffer.allocUnsafe(64 * 1024);
/** A read that gives less than this came to the end: the kernel makes these files whole, or in pages. */
const surelyLast = 2_048;
const mostBytes = 4 * 1024 * 1024;

/**
 * A file of /proc or of a cgroup, undefined when it is not there or its process has ended. Not through a thread: the kernel answers
 * from memory, and a thread would cost more than the answer.
 */
export function readText(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return undefined; // Not there, or not ours to read: both are "not known".
  }
  try {
    return readAll(file);
  } catch {
    return undefined; // It went away meanwhile.
  } finally {
    closeSync(file);
  }
}

/** A file that holds one whole number. */
export function readNumber(path: string): number | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  const value = Number.parseInt(text, 10);
  return Number.isNaN(value) ? undefined : value;
}

export function readNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // As an empty one.
  }
}

export function readTarget(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined; // Not there, or of another user.
  }
}

function readAll(file: number): string {
  let text = '';
  let size = readSync(file, buffer, 0, buffer.length, null);
  while (size >= surelyLast && text.length < mostBytes) {
    text += buffer.toString('latin1', 0, size);
    size = readSync(file, buffer, 0, buffer.length, null);
  }
  return text + buffer.toString('latin1', 0, size);
}
