import type { LoggedBytes } from '../session/byte-log.ts';

export interface LogLine {
  readonly text: string;
  /** When it was written; undefined of a log that keeps no times. */
  readonly at?: string;
}

export interface LogPart {
  /** Number of the first line here: later than asked for where those between are not kept any more. */
  readonly first: number;
  readonly lines: readonly LogLine[];
  /** Number of the line that comes next into the log. */
  readonly next: number;
  /** Whether no more than these ever come. */
  readonly isComplete: boolean;
}

/** A log of numbered lines, of which the oldest are forgotten. */
export interface LineLog {
  /** As many as it gives at once. */
  read(from: number): LogPart;
  /** Until there may be more. */
  changed(signal: AbortSignal): Promise<void>;
}

export interface LineChoice {
  readonly follow: boolean;
  /** ISO 8601. */
  readonly since?: string | undefined;
  /** Of the last lines. Default: all. */
  readonly tail?: number | undefined;
  /** Whether each line begins with its time. */
  readonly timestamps: boolean;
}

/** Lines of a log as they are asked for, until there are no more or the signal aborts. */
export async function* readLines(log: LineLog, choice: LineChoice, signal: AbortSignal): AsyncGenerator<LoggedBytes> {
  const { follow, tail } = choice;
  const { next: end, first: oldest } = log.read(0);
  const start = Math.max(oldest, tail === undefined ? 0 : end - tail);
  for (let from = start; !signal.aborted; ) {
    const { first, lines, next, isComplete } = log.read(from);
    if (first > from) yield output(`(${first - from} lines are not kept any more)\n`, 'error');
    const text = chosen(lines, choice);
    if (text !== '') yield output(text, 'output');
    from = first + lines.length;
    if (isComplete || (!follow && from >= Math.min(next, end))) return;
    // Nothing was given out since it was looked for: what comes now is told.
    if (lines.length === 0) await log.changed(signal);
  }
}

function chosen(lines: readonly LogLine[], { since, timestamps }: LineChoice): string {
  const start = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since);
  return lines
    .filter(({ at }) => at === undefined || Date.parse(at) >= start)
    .map(({ at, text }) => `${timestamps && at !== undefined ? `${at} ` : ''}${text}\n`)
    .join('');
}

function output(text: string, channel: LoggedBytes['channel']): LoggedBytes {
  return { channel, bytes: Buffer.from(text) };
}
