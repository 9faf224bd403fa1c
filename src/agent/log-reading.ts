import type { Wake } from './wake.ts';

export interface OwnLogRequest {
  readonly follow: boolean;
  /** ISO 8601. */
  readonly since?: string | undefined;
  /** Of the last lines. Default: all. */
  readonly tail?: number | undefined;
  /** Whether each line begins with its time. */
  readonly timestamps: boolean;
  /** Ends the reading. */
  readonly signal: AbortSignal;
}

/** A log that can be read while it is written. */
export interface OwnLog {
  read(request: OwnLogRequest): AsyncIterable<Uint8Array>;
}

/** One way through a log whose lines begin with their times. */
export interface LogCursor {
  /** Lines from here to the end that there is now. */
  countLines(): number;
  /** Whole lines that come next; undefined where there are none yet. */
  next(): Buffer | undefined;
  close(): void;
}

interface Choice extends Pick<OwnLogRequest, 'timestamps'> {
  readonly since: string;
  /** Lines that are still to be left out. */
  skip: number;
}

const newline = 0x0a;
const space = 0x20;

/** Lines of a log as they are asked for. Following waits until `written` is woken. */
export async function* readLines(
  cursor: LogCursor,
  { follow, since, tail, timestamps, signal }: OwnLogRequest,
  written: Wake,
): AsyncGenerator<Uint8Array> {
  try {
    const choice: Choice = {
      timestamps,
      since: since === undefined ? '' : new Date(since).toISOString(),
      skip: tail === undefined ? 0 : Math.max(0, cursor.countLines() - tail),
    };
    while (!signal.aborted) {
      const lines = cursor.next();
      const chosen = lines === undefined ? undefined : choose(lines, choice);
      if (chosen !== undefined && chosen.length > 0) yield chosen;
      if (lines !== undefined) continue;
      if (!follow) return;
      await written.wait(Number.POSITIVE_INFINITY, signal);
    }
  } finally {
    cursor.close();
  }
}

export function countLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) count += 1;
  return count;
}

/** Up to its last whole line. */
export function wholeLines(bytes: Buffer): Buffer {
  return bytes.subarray(0, bytes.lastIndexOf(newline) + 1);
}

function choose(lines: Buffer, choice: Choice): Buffer {
  const { since, timestamps } = choice;
  const chosen: Buffer[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines.subarray(at, lines.indexOf(newline, at) + 1);
    at += line.length;
    if (choice.skip > 0) choice.skip -= 1;
    else if (line.toString('latin1', 0, since.length) >= since)
      chosen.push(timestamps ? line : line.subarray(line.indexOf(space) + 1));
  }
  return Buffer.concat(chosen);
}
