import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { sleep } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import {
  type Accept,
  acceptSchema,
  agentEventSchema,
  type CallerEvent,
  type Close,
  type Open,
} from '../contracts/session-wire.ts';
import type { LoggedBytes } from './byte-log.ts';
import { CallerPatience, type LostStream } from './caller-patience.ts';
import { errorOf } from './error-of.ts';
import type { StreamFrame } from './frame.ts';
import type { FrameLink } from './frame-link.ts';
import { IncomingBytes } from './incoming-bytes.ts';
import type { LinkStream } from './link-stream.ts';
import { OutgoingBytes } from './outgoing-bytes.ts';
import type { Exit } from './source.ts';

export interface CallerSessionOptions {
  readonly open: Omit<Open, 'resume' | 'seat'>;
  /** A link to the server, new or one that is there. Raises `unreachable` and what the server refuses with. */
  readonly connect: (signal: AbortSignal) => Promise<FrameLink>;
  /** Told when it is accepted for the first time. */
  readonly onAccept?: (accept: Accept) => void;
  /** Told what a person should read: notices, and how much output was lost. */
  readonly onNotice?: (text: string) => void;
  /** Told when the link is lost and when the session goes on. */
  readonly onAway?: (isAway: boolean, reason: string) => void;
  readonly signal: AbortSignal;
}

/** How a session ended for who called it. */
export type SessionOutcome =
  | { readonly kind: 'ended'; readonly exit: Exit | undefined }
  | { readonly kind: 'detached' };

/** This end of a session: each byte in and out exactly once, whatever becomes of the links. */
export class CallerSession {
  readonly #options: CallerSessionOptions;
  readonly #incoming: IncomingBytes;
  readonly #outgoing = new OutgoingBytes();
  readonly #over = new AbortController();
  readonly #chosenSeat = randomBytes(32).toString('base64url');
  #accepted: Accept | undefined;
  #stream: LinkStream | undefined;
  /** Whether the stream was accepted: until then nothing may be sent in it. */
  #isSeated = false;
  #exit: Exit | undefined;
  #size: CallerEvent | undefined;
  /** Why this side closed it. */
  #left: Close | undefined;

  constructor(options: CallerSessionOptions) {
    this.#options = options;
    this.#incoming = new IncomingBytes(options.open.window, (offset) => this.#send({ type: 'credit', offset }));
    void this.#incoming.whole.then((isWhole) => {
      if (isWhole) void this.#done();
    });
  }

  /** What the session was accepted with. */
  get accepted(): Accept | undefined {
    return this.#accepted;
  }

  /** Output as it comes; to read it slowly slows down what makes it. */
  output(): AsyncIterable<LoggedBytes> {
    return this.#incoming.read();
  }

  /** Resolves when it may take more. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#outgoing.write(bytes);
  }

  endInput(): void {
    this.#outgoing.end();
  }

  /** Resolves when all input and its end were taken, or it is over. */
  get delivered(): Promise<void> {
    return this.#outgoing.delivered;
  }

  /** A size is told again after each new link. */
  send(event: CallerEvent): void {
    if (event.event === 'resize') this.#size = event;
    this.#send({ type: 'control', json: event });
  }

  /** The viewer leaves; the session stays for a while. */
  detach(): void {
    this.#incoming.fail(undefined);
    this.#leave({ code: 'detached', message: 'the viewer left' });
  }

  /** Until it is over and all output was read, or this side left it. Raises why it could not go on. */
  async run(): Promise<SessionOutcome> {
    const { signal } = this.#options;
    const cancel = () => this.#leave({ code: 'cancelled', message: 'the caller does not want it any more' });
    signal.addEventListener('abort', cancel, { once: true });
    try {
      signal.throwIfAborted();
      await this.#keepOpen();
      signal.throwIfAborted();
      return this.#left?.code === 'detached' ? { kind: 'detached' } : { kind: 'ended', exit: this.#exit };
    } catch (error) {
      this.#incoming.fail(error);
      throw error;
    } finally {
      signal.removeEventListener('abort', cancel);
      this.#outgoing.close();
    }
  }

  /** A connection goes on for as long as one side has something to say; all else is over with its output. */
  async #done(): Promise<void> {
    if (this.#options.open.session.kind === 'proxy') await this.delivered;
    this.#leave({ code: 'done', message: 'all was read' });
  }

  /** Closes it for good. */
  #leave(close: Close): void {
    this.#left ??= close;
    this.#stream?.close(close);
    this.#over.abort();
  }

  /** Whether all output has come: its reader needs no link any more, however long reading takes. */
  get hasAll(): boolean {
    return this.#incoming.isEnded && this.#options.open.session.kind !== 'proxy';
  }

  /** Bytes received, and bytes sent that the other side has. */
  get #carriedBytes(): number {
    return this.#incoming.received + this.#outgoing.taken;
  }

  async #keepOpen(): Promise<void> {
    const patience = new CallerPatience(performance.now());
    while (this.#left === undefined) {
      const openedAt = performance.now();
      const before = this.#carriedBytes;
      const lingerSeconds = this.#accepted?.lingerSeconds;
      const { close, wasOpen } = await this.#viewOnce();
      if (this.#left !== undefined) return;
      if (this.hasAll) {
        await once(this.#over.signal, 'abort');
        return;
      }
      const hasCarried = this.#carriedBytes > before;
      const lost: LostStream = { close, openedAt, wasOpen, hasCarried, lingerSeconds };
      const waitMs = patience.waitAfter(lost, performance.now());
      if (waitMs === undefined) throw errorOf(close);
      if (wasOpen) this.#options.onAway?.(true, close.message);
      await sleep(waitMs, this.#over.signal).catch(() => undefined);
    }
  }

  /** One stream, until either side closed it. */
  async #viewOnce(): Promise<{ readonly close: Close; readonly wasOpen: boolean }> {
    const { open, connect } = this.#options;
    const { promise, resolve } = Promise.withResolvers<Close>();
    const seat = this.#accepted?.seat;
    const request =
      seat === undefined
        ? { ...open, seat: this.#chosenSeat }
        : { ...open, resume: { seat, received: this.#incoming.received, credit: this.#incoming.credit } };
    const left = () => resolve({ code: 'cancelled', message: 'this side left' });
    let wasOpen = false;
    this.#over.signal.addEventListener('abort', left, { once: true });
    try {
      const link = await connect(this.#over.signal);
      const stream = link.open(request, {
        onFrame: (frame) => {
          wasOpen ||= frame.type === 'accept';
          const problem = this.#take(frame, stream);
          if (problem !== undefined) stream?.fail('protocol', problem);
        },
        onClose: resolve,
      });
      this.#stream = stream;
      if (stream === undefined) return { close: { code: 'host-away', message: 'the link is full or gone' }, wasOpen };
      if (this.#left !== undefined) stream.close(this.#left);
      return { close: await promise, wasOpen };
    } catch (error) {
      if (this.#left === undefined && !isAppError(error, 'unreachable')) throw error;
      return { close: { code: 'host-away', message: String(error instanceof Error ? error.message : error) }, wasOpen };
    } finally {
      this.#over.signal.removeEventListener('abort', left);
      this.#stream = undefined;
      this.#isSeated = false;
      this.#outgoing.pause();
    }
  }

  #take(frame: StreamFrame, stream: LinkStream | undefined): string | undefined {
    switch (frame.type) {
      case 'accept':
        return this.#accept(frame.json, stream);
      case 'data':
        return this.#incoming.take(frame);
      case 'end':
        return this.#incoming.end(frame.offset);
      case 'credit':
        return this.#outgoing.credit(frame.offset);
      case 'control':
        return this.#event(frame.json);
    }
  }

  #accept(json: unknown, stream: LinkStream | undefined): string | undefined {
    const accept = acceptSchema.safeParse(json).data;
    if (accept === undefined || stream === undefined) return 'it is accepted in no known way';
    const wasAway = this.#accepted !== undefined;
    this.#accepted = accept;
    this.#isSeated = true;
    const lost = this.#incoming.resume(accept.output);
    // Output from before a viewer joined is not lost.
    if (wasAway || this.#options.open.session.kind !== 'join') this.#lost(lost);
    // Credit for what was read since the OPEN could not be sent before now.
    if (wasAway) stream.send({ type: 'credit', offset: this.#incoming.credit });
    if (this.#size !== undefined) stream.send({ type: 'control', json: this.#size });
    const problem = this.#outgoing.resume(accept, stream);
    if (wasAway) this.#options.onAway?.(false, 'the session goes on');
    else this.#options.onAccept?.(accept);
    return problem;
  }

  #send(frame: StreamFrame): void {
    if (this.#isSeated) this.#stream?.send(frame);
  }

  #event(json: unknown): string | undefined {
    const event = agentEventSchema.safeParse(json).data;
    if (event === undefined) return 'there is no such event';
    if (event.event === 'exit') this.#exit = { code: event.code, signal: event.signal };
    if (event.event === 'notice') this.#options.onNotice?.(event.text);
    if (event.event === 'gap') this.#lost(this.#incoming.resume(event.offset));
    return undefined;
  }

  #lost(bytes: number): void {
    if (bytes > 0) this.#options.onNotice?.(`${bytes} bytes of output came while nobody could read them and are gone`);
  }
}
