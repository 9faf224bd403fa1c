import { Duplex } from 'node:stream';
import { sessionLimits } from '../contracts/session-wire.ts';
import type { LoggedBytes } from './byte-log.ts';
import { CallerSession, type CallerSessionOptions } from './caller-session.ts';

export interface SessionDuplexOptions extends Pick<CallerSessionOptions, 'open' | 'connect' | 'onNotice' | 'onAway'> {
  /** Whether it may be written to after all was read. Default: false, as an `http.Agent` wants it. */
  readonly allowHalfOpen?: boolean;
}

/**
 * A session as a socket: what is read slowly slows down what sends it, an end of what is written is passed on, to destroy it cancels the
 * session. It emits `error` with why the session could not go on, and has what an `http.Agent` asks of a socket.
 */
export class SessionDuplex extends Duplex {
  readonly #session: CallerSession;
  readonly #output: AsyncIterator<LoggedBytes>;
  readonly #over = new AbortController();
  #idle: NodeJS.Timeout | undefined;

  constructor({ allowHalfOpen = false, ...options }: SessionDuplexOptions) {
    super({ allowHalfOpen, highWaterMark: sessionLimits.dataBytes });
    this.#session = new CallerSession({ ...options, signal: this.#over.signal });
    this.#output = this.#session.output()[Symbol.asyncIterator]();
  }

  /** Whether the session was accepted at least once. */
  get isOpen(): boolean {
    return this.#session.accepted !== undefined;
  }

  /** Emits `timeout` when nothing was read or written for so long, in milliseconds; 0: never. */
  setTimeout(ms: number, onTimeout?: () => void): this {
    clearTimeout(this.#idle);
    this.#idle = ms > 0 ? setTimeout(() => this.emit('timeout'), ms).unref() : undefined;
    if (onTimeout !== undefined && ms > 0) this.once('timeout', onTimeout);
    return this;
  }

  /** The link keeps itself alive. */
  setKeepAlive(): this {
    return this;
  }

  /** Nothing waits to be joined. */
  setNoDelay(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  /** Node calls this in a later turn, so that `connect` may name the variable that holds this duplex. */
  override _construct(done: () => void): void {
    void this.#session.run().catch((error) => this.destroy(error));
    done();
  }

  override _read(): void {
    this.#output.next().then(
      ({ done, value }) => {
        this.#idle?.refresh();
        this.push(done === true ? null : value.bytes);
      },
      (error) => this.destroy(error),
    );
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#idle?.refresh();
    this.#session.write(bytes).then(() => done(), done);
  }

  override _final(done: () => void): void {
    this.#session.endInput();
    void this.#session.delivered.then(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#idle);
    this.#over.abort();
    done(error);
  }
}
