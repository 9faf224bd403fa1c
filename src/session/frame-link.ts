import { AppError } from '../contracts/errors.ts';
import { type Close, closeSchema, sessionLimits } from '../contracts/session-wire.ts';
import { FairQueue } from './fair-queue.ts';
import { decodeFrame, encodeFrame, type Frame, FrameError } from './frame.ts';
import { LinkStream, type StreamHandler } from './link-stream.ts';

/** What carries messages, in order and whole or not at all: a WebSocket. */
export interface FramePort {
  /** Calls back once the message has left this process. */
  send(message: Uint8Array, onSent: () => void): void;
  /** Ends the link; the code is one of RFC 6455. */
  end(code: number, reason: string): void;
}

export interface FrameLinkOptions {
  readonly port: FramePort;
  /** Streams that may be open at once. */
  readonly mostStreams: number;
  /** Takes a stream that the other side opens, or closes it; undefined for a session that is not there. Default: only this side opens any. */
  readonly onOpen?: (stream: LinkStream, request: unknown) => StreamHandler | undefined;
  /** Told of what a handler raised; its stream was closed as `internal`. Default: nobody is. */
  readonly onDefect?: (error: unknown) => void;
}

/** RFC 6455, 5.5: 125 bytes, of which the code takes two. */
const mostReasonBytes = 123;

/** Frames other than data that may wait in one stream: more means that the other side asks and does not read. Credit bounds the data. */
const mostWithoutData = 64;
/** Streams and hurried frames that may wait beyond one for each open stream: more means that the other side asks and does not read. */
const mostUnread = 1_024;

/** Many streams over one link. Frames that break the protocol close their stream, or the link, and nothing else. */
export class FrameLink {
  readonly #options: FrameLinkOptions;
  readonly #streams = new Map<number, LinkStream>();
  readonly #queue = new FairQueue();
  #lastStream = 0;
  #aheadBytes = 0;
  #isEnded = false;

  constructor(options: FrameLinkOptions) {
    this.#options = options;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** Undefined where no more may be open, or the link has ended. Raises `invalid-input` for what fits in no frame. */
  open(request: unknown, handler: StreamHandler): LinkStream | undefined {
    if (this.#isEnded || this.#isFull()) return undefined;
    const frame = { type: 'open', json: request } as const;
    checkOpen(this.#lastStream + 1, frame);
    this.#lastStream += 1;
    const stream = this.#newStream(this.#lastStream, handler);
    stream.send(frame);
    return stream;
  }

  /** One message of the other side. */
  receive(message: Uint8Array): void {
    if (this.#isEnded) return;
    try {
      const { stream, frame } = decodeFrame(message);
      this.#take(stream, frame);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#broken(error);
    }
  }

  /** The link was lost, or is given up: each stream is told. */
  end(close: Close): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#queue.clear();
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams) stream.ended(close);
  }

  #take(number: number, frame: Frame): void {
    if (frame.type === 'open') {
      this.#opened(number, frame.json);
      return;
    }
    const stream = this.#streams.get(number);
    // Who closed it reads nothing of it any more.
    if (frame.type === 'close') this.#queue.drop(number);
    if (stream === undefined) {
      // It was under way when the stream was closed.
      if (this.#isOver(number)) return;
      throw new FrameError(0, `stream ${number} was never opened`);
    }
    if (frame.type !== 'close') {
      stream.received(frame);
      return;
    }
    const close = closeSchema.safeParse(frame.json).data;
    this.#forget(number);
    stream.ended(close ?? { code: 'protocol', message: 'the other side closed it without a reason that is one' });
  }

  /** Closes the stream alone where it is known which; else ends the link. */
  #broken({ stream: number, isOpen, message }: FrameError): void {
    const stream = this.#streams.get(number);
    if (stream !== undefined) stream.fail('protocol', message);
    else if (isOpen && this.#options.onOpen !== undefined && !this.#isOver(number)) {
      this.#lastStream = number;
      this.#newStream(number, undefined).fail('protocol', message);
    } else if (!this.#isOver(number)) this.#breach(message);
  }

  #opened(number: number, request: unknown): void {
    const { onOpen, mostStreams } = this.#options;
    if (onOpen === undefined) throw new FrameError(0, 'this side opens the streams');
    if (this.#isOver(number)) throw new FrameError(0, `stream ${number} was opened already`);
    this.#lastStream = number;
    const isTooMany = this.#isFull();
    const stream = this.#newStream(number, undefined);
    if (isTooMany) {
      stream.fail('limit-exceeded', `${mostStreams} streams are open, which is the most of a link`);
      return;
    }
    try {
      const handler = onOpen(stream, request);
      if (handler === undefined) stream.fail('not-found', 'there is no such session');
      else stream.handleBy(handler);
    } catch (error) {
      stream.failBy(error);
    }
  }

  #newStream(number: number, handler: StreamHandler | undefined): LinkStream {
    const stream = new LinkStream(number, handler, {
      send: (frame) => this.#send(stream, frame),
      closed: (drops) => {
        if (drops) this.#queue.drop(number);
        this.#forget(number);
      },
      hasData: () => this.#queue.hasDataOf(number),
      defect: (error) => this.#options.onDefect?.(error),
    });
    this.#streams.set(number, stream);
    return stream;
  }

  /** Streams that this side closed count until their data has left. */
  #isFull(): boolean {
    const leaving = this.#queue.streamsWithData.filter((number) => !this.#streams.has(number));
    return this.#streams.size + leaving.length >= this.#options.mostStreams;
  }

  #isOver(number: number): boolean {
    return number > 0 && number <= this.#lastStream;
  }

  #forget(number: number): void {
    this.#streams.delete(number);
  }

  #breach(reason: string, code = 1002): void {
    this.end({ code: 'protocol', message: reason });
    this.#options.port.end(code, reasonText(reason));
  }

  #send(stream: LinkStream, frame: Frame): void {
    if (this.#isEnded) return;
    const { number } = stream;
    // All other frames say something about the data before them, so they keep their place.
    if (frame.type === 'open' || frame.type === 'accept' || frame.type === 'credit') this.#queue.hurry(number, frame);
    else this.#queue.add(number, frame);
    this.#pump();
    if (this.#queue.size > this.#options.mostStreams + mostUnread) this.#breach('what is sent is not read', 1008);
    else if (this.#queue.withoutDataOf(number) > mostWithoutData) {
      stream.fail('limit-exceeded', 'the other side does not read');
    }
  }

  #pump(): void {
    while (this.#aheadBytes < sessionLimits.aheadBytes && !this.#isEnded) {
      const next = this.#queue.next();
      if (next === undefined) return;
      const message = encodeFrame(next.stream, next.frame);
      this.#aheadBytes += message.length;
      this.#options.port.send(message, () => {
        this.#aheadBytes -= message.length;
        this.#pump();
      });
    }
  }
}

/** Raises what the other side would refuse, so that the caller hears it and the link lives on. */
function checkOpen(number: number, frame: Frame): void {
  try {
    decodeFrame(encodeFrame(number, frame));
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    throw new AppError('invalid-input', `Cannot open a session: ${error.message}`, {
      cause: error,
      next: 'Give it less: copy a long script there and run it by its name, for example.',
    });
  }
}

/** As much of it as a close frame of RFC 6455 holds. */
function reasonText(reason: string): string {
  const bytes = Buffer.from(reason);
  return bytes.length <= mostReasonBytes
    ? reason
    : `${bytes
        .subarray(0, mostReasonBytes - 3)
        .toString()
        .replace(/\uFFFD$/, '')}…`;
}
