import { isAppError } from '../contracts/errors.ts';
import { type Accept, type Close, type SessionSpec, sessionLimits } from '../contracts/session-wire.ts';
import { closeOf } from './close-of.ts';
import type { LinkStream, StreamHandler } from './link-stream.ts';
import { comesBack, type Ending, Seat, type SeatOwner, type Sitting } from './seat.ts';
import { SeatTable, type Viewer } from './seat-table.ts';
import { SessionEvents } from './session-events.ts';
import { SessionInput } from './session-input.ts';
import { SessionOutput } from './session-output.ts';
import type { Source } from './source.ts';

export interface SessionOptions {
  readonly id: Accept['sessionId'];
  readonly source: Source;
  /** Whether all its output is one channel. */
  readonly isTerminal: boolean;
  /** Whether output is read on while nobody is there, its oldest part forgotten; else it waits for somebody. */
  readonly readsOn: boolean;
  /** How much input of one viewer may be under way, in bytes. */
  readonly windowBytes: number;
  /** How much output is kept, in bytes. */
  readonly replayBytes: number;
  /** Viewers at once, those who are away included. */
  readonly mostSeats: number;
  /** How long a seat is kept whose viewer is away, in ms. */
  readonly lingerMs: number;
  /** Told of a failure that is no AppError. Default: nobody is. */
  readonly onDefect?: ((error: unknown) => void) | undefined;
  /** Told when it is over. */
  readonly onEnd: () => void;
}

export interface Joining {
  readonly actor: string;
  /** As it was asked for: who comes back asks for the same. */
  readonly spec: SessionSpec;
  /** The seat it takes. Default: one at random. */
  readonly seat?: string | undefined;
  /** How much output may be under way, in bytes. */
  readonly window: number;
}

/** A source that takes no more input often ends by itself a moment later, and its exit says more than the failed write. */
const inputFailureMs = 2_000;

/** A source and who views it. It goes on while viewers are away, for as long as their seats are kept. */
export class Session {
  readonly #options: SessionOptions;
  readonly #output: SessionOutput;
  readonly #input: SessionInput;
  readonly #events: SessionEvents;
  readonly #seats = new SeatTable();
  #ended: Ending | undefined;
  #isOver = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#output = new SessionOutput({
      seats: this.#seats,
      readsOn: options.readsOn,
      replayBytes: options.replayBytes,
    });
    this.#input = new SessionInput(options.source, (error) => this.#inputFailed(error));
    this.#events = new SessionEvents(options.source);
    options.source.onNotice?.((text) => {
      for (const seat of this.#seats.all) seat.notice(text);
    });
    void this.#follow();
  }

  /** Memory that its kept output takes, in bytes. */
  get heldBytes(): number {
    return this.#output.log.heldBytes;
  }

  get viewers(): readonly Viewer[] {
    return this.#seats.viewers;
  }

  /** Since when it waits for its viewers, in ms of `performance.now()`; undefined while one is here. */
  get awaySince(): number | undefined {
    return this.#seats.awaySince;
  }

  /** A new viewer, who gets what is kept of the output; undefined when it is over, or all seats are taken. */
  join(stream: LinkStream, { actor, spec, seat: key, window }: Joining): StreamHandler | undefined {
    const isTaken = key !== undefined && this.#seats.get(key) !== undefined;
    if (this.#isOver || isTaken) return undefined;
    // A new viewer comes before one who is away.
    if (this.#seats.size >= this.#options.mostSeats && !this.#seats.removeLongestAway()) return undefined;
    const seat = new Seat(this.#owner, {
      ...{ key, actor, spec },
      ...{ start: this.#output.log.start, windowBytes: this.#options.windowBytes },
    });
    this.#seats.add(seat);
    return this.again(seat.key, stream, window);
  }

  /** A viewer that has not heard that it is here. */
  again(key: string, stream: LinkStream, window: number): StreamHandler | undefined {
    const seat = this.#seats.get(key);
    const received = this.#output.log.start;
    return seat && this.#sit(seat, stream, { received, window, credit: received + window });
  }

  /** What a seat of a user was opened with; undefined where there is no such seat of theirs. */
  specOf(key: string, actor: string): SessionSpec | undefined {
    const seat = this.#seats.get(key);
    return seat?.actor === actor ? seat.spec : undefined;
  }

  /** A viewer who was here before; undefined where there is no such seat of theirs. */
  resume(key: string, stream: LinkStream, sitting: Sitting & { readonly actor: string }): StreamHandler | undefined {
    const seat = this.#seats.get(key);
    if (seat === undefined || seat.actor !== sitting.actor) return undefined;
    if (sitting.received <= this.#output.log.end) return this.#sit(seat, stream, sitting);
    stream.fail('protocol', `output up to ${sitting.received} was never sent`);
    return undefined;
  }

  /** How much of its output is kept from now on. What is not read stays until it is. */
  keep(replayBytes: number): void {
    this.#output.keep(replayBytes);
  }

  /** Ends it for everybody. */
  close(close: Close): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const seat of this.#seats.all) seat.close(close);
    this.#seats.clear();
    this.#options.source.close();
    this.#output.close();
    this.#options.onEnd();
  }

  get #owner(): SeatOwner {
    const session = this;
    return {
      log: this.#output.log,
      get ended() {
        return session.#ended;
      },
      write: (bytes) => this.#input.write(bytes),
      inputEnded: () => this.#inputEnded(),
      event: (event) => this.#events.take(event),
      hasRead: () => this.#output.forget(),
      left: (seat, close) => this.#left(seat, close),
    };
  }

  #sit(seat: Seat, stream: LinkStream, sitting: Sitting): StreamHandler {
    this.#seats.here(seat);
    const { id: sessionId, isTerminal: terminal, lingerMs } = this.#options;
    seat.sit(stream, sitting, { sessionId, terminal, lingerSeconds: Math.floor(lingerMs / 1_000) });
    // Its viewer may have gone while the source was opened.
    if (stream.isClosed) seat.closed(stream, { code: 'detached', message: 'it was gone before' });
    return { onFrame: (frame) => seat.take(frame), onClose: (close) => seat.closed(stream, close) };
  }

  #left(seat: Seat, { code }: Close): void {
    if (!comesBack.includes(code)) {
      this.#giveUp(seat);
      return;
    }
    this.#seats.away(seat, this.#options.lingerMs, () => this.#giveUp(seat));
    this.#output.lookAgain();
  }

  #giveUp(seat: Seat): void {
    this.#seats.remove(seat);
    if (this.#seats.size === 0) {
      this.close({ code: 'done', message: 'nobody views it any more' });
      return;
    }
    void this.#inputEnded();
    this.#output.lookAgain();
  }

  async #follow(): Promise<void> {
    const { source } = this.#options;
    try {
      for await (const { channel, bytes } of source.output) {
        for (let at = 0; at < bytes.length; at += sessionLimits.pieceBytes) {
          await this.#output.hasRoom();
          if (this.#isOver || this.#ended !== undefined) return;
          this.#output.log.append(channel, bytes.subarray(at, at + sessionLimits.pieceBytes));
          for (const seat of this.#seats.all) seat.pump();
        }
      }
      this.#end({ exit: await source.exit() });
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#isOver || this.#ended !== undefined) return;
    if (!isAppError(error)) this.#options.onDefect?.(error);
    this.#end({ failure: closeOf(error) });
  }

  /** Gives the source the time to end by itself. */
  #inputFailed(error: unknown): void {
    setTimeout(() => this.#fail(error), inputFailureMs).unref();
  }

  /** Its output is over; viewers may still read what is kept. */
  #end(ending: Ending): void {
    if (this.#isOver || this.#ended !== undefined) return;
    this.#ended = ending;
    for (const seat of this.#seats.all) seat.outputEnded();
  }

  #inputEnded(): Promise<void> {
    return this.#seats.isInputEnded ? this.#input.end() : Promise.resolve();
  }
}
