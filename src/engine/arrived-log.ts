import type { SessionBytes } from './host-sessions.ts';
import type { LogPosition } from './log-position.ts';

export interface ArrivedLogOptions {
  /** Whether each line begins with the time when it came. */
  readonly showsTimes: boolean;
  readonly position: LogPosition;
  /** Default: the clock. */
  readonly now?: () => Date;
}

const newline = 0x0a;

/**
 * A log of a terminal on an engine that writes a time before each piece, also amid a line, as Podman: nobody can tell those from
 * times that the program writes. So it is followed without them, and goes on from when its last piece came.
 */
export async function* arrivedLog(
  pieces: AsyncIterable<SessionBytes>,
  { showsTimes, position, now = () => new Date() }: ArrivedLogOptions,
): AsyncGenerator<SessionBytes> {
  for await (const { channel, bytes } of pieces) {
    const time = now().toISOString();
    const timed = showsTimes ? withTimes(bytes, `${time} `, position.isAmidLine(channel)) : bytes;
    position.endPiece(channel, bytes.at(-1) === newline);
    position.moveTo(time);
    yield { channel, bytes: timed };
  }
}

function withTimes(bytes: Uint8Array, time: string, isAmidLine: boolean): Buffer {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Buffer[] = [];
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf(newline, at) + 1 || text.length;
    if (at > 0 || !isAmidLine) parts.push(Buffer.from(time));
    parts.push(text.subarray(at, end));
    at = end;
  }
  return Buffer.concat(parts);
}
