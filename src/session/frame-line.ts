import { type CallerEvent, sessionLimits } from '../contracts/session-wire.ts';
import { ByteLog } from './byte-log.ts';
import { type DataFrame, type Frame, withHeadroom } from './frame.ts';

/** Consecutive small data, kept in one log that knows the channel of each byte. */
interface Joined {
  readonly type: 'joined';
  /** Where the first part belongs; its log counts from 0. */
  readonly offset: number;
  readonly log: ByteLog;
}

/** Smaller data is copied: it may be a slice of a socket's large buffer, all of which would stay in memory with it. */
const smallBytes = sessionLimits.pieceBytes;
/** The most data that is joined: more than a stream may have under way. */
const mostBytes = 2 * sessionLimits.copyWindowBytes;

/** A queue of frames. Small data is joined with the data before it, so that many small frames cost no more memory than their bytes. */
export class FrameLine {
  readonly #waiting: (Frame | Joined | undefined)[] = [];
  #head = 0;
  #withoutData = 0;

  /** What waits; all data that is joined counts as one. */
  get length(): number {
    return this.#waiting.length - this.#head;
  }

  /** How many of them are not data. */
  get withoutData(): number {
    return this.#withoutData;
  }

  add(frame: Frame): void {
    if (frame.type === 'data' && frame.bytes.length < smallBytes) this.#addSmall(frame);
    else this.#addWhole(frame);
  }

  /** The next frame. Joined data comes as frames of one channel each, none larger than a piece. */
  take(): Frame | undefined {
    const next = this.#waiting[this.#head];
    if (next === undefined) return undefined;
    if (next.type === 'joined') return this.#takeOf(next);
    this.#shift();
    if (next.type !== 'data') this.#withoutData -= 1;
    return next;
  }

  #takeOf({ offset, log }: Joined): Frame | undefined {
    const part = log.read(log.start, sessionLimits.pieceBytes);
    if (part === undefined) return undefined;
    log.drop(part.offset + part.bytes.length);
    if (log.start === log.end) this.#shift();
    return { ...part, offset: offset + part.offset };
  }

  #shift(): void {
    this.#waiting[this.#head] = undefined;
    this.#head += 1;
    // Not for each frame: every splice moves all the others.
    if (this.#head === this.#waiting.length || (this.#head > 64 && this.#head * 2 > this.#waiting.length)) {
      this.#waiting.splice(0, this.#head);
      this.#head = 0;
    }
  }

  #addSmall(frame: DataFrame): void {
    const last = this.#waiting.length - 1;
    const before = this.#waiting[last];
    if (last < this.#head || before === undefined || !isJust(before, frame)) {
      this.#waiting.push(copyOf(frame));
      return;
    }
    const joined = before.type === 'joined' ? before : joinedOf(before);
    joined.log.append(frame.channel, frame.bytes);
    this.#waiting[last] = joined;
  }

  #addWhole(frame: Frame): void {
    const last = this.#waiting.length - 1;
    // Of sizes only the last counts.
    if (last >= this.#head && isResize(frame) && isResize(this.#waiting[last])) {
      this.#waiting[last] = frame;
      return;
    }
    this.#waiting.push(frame);
    if (frame.type !== 'data') this.#withoutData += 1;
  }
}

/** Whether data goes on with what is just before it, and may be joined to it. */
function isJust(before: Frame | Joined, { offset, bytes }: DataFrame): before is DataFrame | Joined {
  if (before.type === 'data') return before.bytes.length < smallBytes && before.offset + before.bytes.length === offset;
  if (before.type !== 'joined' || before.offset + before.log.end !== offset) return false;
  return before.log.end - before.log.start + bytes.length <= mostBytes;
}

function copyOf({ bytes, ...frame }: DataFrame): DataFrame {
  const copy = withHeadroom(bytes.length);
  copy.set(bytes);
  return { ...frame, bytes: copy, hasHeadroom: true };
}

function joinedOf({ offset, channel, bytes }: DataFrame): Joined {
  const log = new ByteLog(mostBytes);
  log.append(channel, bytes);
  return { type: 'joined', offset, log };
}

const resize: CallerEvent['event'] = 'resize';

function isResize(frame: Frame | Joined | undefined): boolean {
  if (frame?.type !== 'control' || typeof frame.json !== 'object' || frame.json === null) return false;
  return 'event' in frame.json && frame.json.event === resize;
}
