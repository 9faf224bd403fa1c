import { type Accept, type CallerEvent, type Close, type CloseCode, sessionLimits } from '../contracts/session-wire.ts';
import { ByteLog } from './byte-log.ts';
import { closeOf } from './close-of.ts';
import type { LinkStream, StreamHandler } from './link-stream.ts';
import { type Ending, Seat, type SeatOwner, type Sitting } from './seat.ts';
import type { Source } from './source.ts';

export interface SessionOptions {
  readonly id: Accept['sessionId'];
  readonly source: Source;
  /** Whether all its output is one channel. */
  readonly isTerminal: boolean;
  /** Whether output is read on while nobody is there, its oldest part forgotten; else it waits for somebody. */
  readonly readsOn: boolean;
  /** Of input of one viewer that may be under way. */
  readonly windowBytes: number;
  /** Of output that is kept. */
  readonly replayBytes: number;
  /** Viewers at once, those who are away included. */
  readonly mostSeats: number;
  /** How long a seat is kept whose viewer is away. */
  readonly lingerMs: number;
  /** Told when it is over. */
  readonly onEnd: () => void;
}

export interface Viewer {
  readonly actor: string;
  readonly isHere: boolean;
}

export interface Joining {
  readonly actor: string;
  /** That it takes. Default: one at random. */
  readonly seat?: string | undefined;
  /** Of output. */
  readonly window: number;
}

/** How a stream is closed whose viewer may take their seat again. */
export const comesBack: readonly CloseCode[] = ['detached', 'host-away', 'server-stopping'];

/** A source and who views it. It goes on while viewers are away, for as long as their seats are kept. */
export class Session {
  readonly id: Accept['sessionId'];
  readonly #options: SessionOptions;
  readonly #log: ByteLog;
  readonly #seats = new Map<string, Seat>();
  readonly #away = new Map<Seat, NodeJS.Timeout>();
  #ended: Ending | undefined;
  #isOver = false;
  #isInputEnded = false;
  #lastLeftAt = performance.now();
  #awaited: (() => void) | undefined;

  constructor(options: SessionOptions) {
    this.id = options.id;
    this.#options = options;
    this.#log = new ByteLog(options.replayBytes);
    void this.#follow();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** In the order in which they came. */
  get viewers(): readonly Viewer[] {
    return [...this.#seats.values()].map(({ actor, isHere }) => ({ actor, isHere }));
  }

  /** Since when it waits for its viewers, in ms of `performance.now()`; undefined while one is here. */
  get awaySince(): number | undefined {
    return this.viewers.some(({ isHere }) => isHere) ? undefined : this.#lastLeftAt;
  }

  /** A new viewer, who gets what is kept of the output; undefined when it is over, or all seats are taken. */
  join(stream: LinkStream, { actor, seat: key, window }: Joining): StreamHandler | undefined {
    const isTaken = key !== undefined && this.#seats.has(key);
    if (this.#isOver || isTaken || !this.#hasRoomForSeat()) return undefined;
    const seat = new Seat(this.#owner, {
      ...{ key, actor },
      ...{ start: this.#log.start, windowBytes: this.#options.windowBytes },
    });
    this.#seats.set(seat.key, seat);
    return this.#sitFirst(seat, stream, window);
  }

  /** A viewer that has not heard that it is here. */
  again(key: string, stream: LinkStream, window: number): StreamHandler | undefined {
    const seat = this.#seats.get(key);
    return seat === undefined ? undefined : this.#sitFirst(seat, stream, window);
  }

  hasSeat(key: string, actor: string): boolean {
    return this.#seats.get(key)?.actor === actor;
  }

  /** A viewer who was here before; undefined where there is no such seat of theirs. */
  resume(key: string, stream: LinkStream, sitting: Sitting & { readonly actor: string }): StreamHandler | undefined {
    const seat = this.#seats.get(key);
    if (seat === undefined || seat.actor !== sitting.actor) return undefined;
    if (sitting.received <= this.#log.end) return this.#sit(seat, stream, sitting);
    stream.fail('protocol', `output up to ${sitting.received} was never sent`);
    return undefined;
  }

  /** Ends it for everybody. */
  close(close: Close): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const timer of this.#away.values()) clearTimeout(timer);
    for (const seat of this.#seats.values()) seat.close(close);
    this.#seats.clear();
    this.#options.source.close();
    this.#wake();
    this.#options.onEnd();
  }

  get #owner(): SeatOwner {
    const session = this;
    return {
      log: this.#log,
      get ended() {
        return session.#ended;
      },
      write: (bytes) => this.#write(bytes),
      inputEnded: () => this.#inputEnded(),
      event: (event) => this.#take(event),
      hasRead: () => this.#wake(),
      left: (seat, close) => this.#left(seat, close),
    };
  }

  #sitFirst(seat: Seat, stream: LinkStream, window: number): StreamHandler {
    const received = this.#log.start;
    return this.#sit(seat, stream, { received, window, credit: received + window });
  }

  /** A new viewer comes before one who is away. */
  #hasRoomForSeat(): boolean {
    if (this.#seats.size < this.#options.mostSeats) return true;
    for (const [seat, timer] of this.#away) {
      clearTimeout(timer);
      this.#away.delete(seat);
      this.#seats.delete(seat.key);
      return true;
    }
    return false;
  }

  #sit(seat: Seat, stream: LinkStream, sitting: Sitting): StreamHandler {
    clearTimeout(this.#away.get(seat));
    this.#away.delete(seat);
    const { isTerminal: terminal, lingerMs } = this.#options;
    seat.sit(stream, sitting, { sessionId: this.id, terminal, lingerSeconds: Math.floor(lingerMs / 1_000) });
    // To open what it is about takes time, in which its viewer may have gone.
    if (stream.isClosed) seat.closed(stream, { code: 'detached', message: 'it was gone before' });
    return { onFrame: (frame) => seat.take(frame), onClose: (close) => seat.closed(stream, close) };
  }

  #left(seat: Seat, { code }: Close): void {
    if (!comesBack.includes(code)) {
      this.#giveUp(seat);
      return;
    }
    const timer = setTimeout(() => this.#giveUp(seat), this.#options.lingerMs).unref();
    this.#away.set(seat, timer);
    this.#lastLeftAt = performance.now();
    this.#wake();
  }

  #giveUp(seat: Seat): void {
    this.#away.delete(seat);
    this.#seats.delete(seat.key);
    if (this.#seats.size === 0) {
      this.close({ code: 'done', message: 'nobody views it any more' });
      return;
    }
    this.#inputEnded();
    this.#wake();
  }

  async #follow(): Promise<void> {
    const { source } = this.#options;
    try {
      for await (const { channel, bytes } of source.output) {
        for (let at = 0; at < bytes.length; at += sessionLimits.dataBytes) {
          await this.#hasRoom();
          if (this.#isOver) return;
          this.#log.append(channel, bytes.subarray(at, at + sessionLimits.dataBytes));
          for (const seat of this.#seats.values()) seat.pump();
        }
      }
      this.#end({ exit: await source.exit() });
    } catch (error) {
      this.#end({ failure: closeOf(error) });
    }
  }

  /** Of its output; who views it may still read. */
  #end(ending: Ending): void {
    if (this.#isOver) return;
    this.#ended = ending;
    for (const seat of this.#seats.values()) seat.outputEnded();
  }

  async #hasRoom(): Promise<void> {
    while (!this.#isOver && this.#isFull()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#awaited = resolve;
      await promise;
    }
  }

  /** Whether the next bytes would push out some that the fastest viewer has not read. */
  #isFull(): boolean {
    const seats = [...this.#seats.values()];
    const here = seats.filter(({ isHere }) => isHere);
    if (here.length === 0 && this.#options.readsOn && seats.length > 0) return false;
    const pace = Math.max(this.#log.start, ...(here.length > 0 ? here : seats).map(({ consumed }) => consumed));
    return this.#log.end - pace > this.#options.replayBytes - sessionLimits.dataBytes;
  }

  #wake(): void {
    this.#awaited?.();
    this.#awaited = undefined;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      await this.#options.source.write(bytes);
    } catch (error) {
      this.#end({ failure: closeOf(error) });
    }
  }

  #inputEnded(): void {
    const isAll = [...this.#seats.values()].every(({ isInputEnded }) => isInputEnded);
    if (!isAll || this.#isInputEnded) return;
    this.#isInputEnded = true;
    void this.#options.source.endInput().catch((error) => this.#end({ failure: closeOf(error) }));
  }

  async #take(event: CallerEvent): Promise<void> {
    const { source } = this.#options;
    if (event.event === 'signal') await source.signal(event.name);
    else await source.resize({ columns: event.columns, rows: event.rows });
  }
}
