import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import type { Duplex } from 'node:stream';
import { withDeadline } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';

export const relayWindows = { ofStream: 256 * 1024, ofLink: 4 * 1024 * 1024 } as const;
/** Connections at once over one relay. */
export const relayStreams = 4_096;

/** Also until a container that relays is made and runs. */
const answerMs = 20_000;
const { HTTP2_HEADER_METHOD, HTTP2_HEADER_AUTHORITY, HTTP2_HEADER_STATUS } = constants;

/**
 * Connections to ports as a program in another network sees them: each is a stream of HTTP/2 over the input and output of
 * `port-relay-main`.
 */
export class PortRelay {
  readonly #session: ClientHttp2Session;
  #failure: unknown;

  constructor(link: Duplex) {
    // Before the session ends of it, and what was asked with that.
    link.on('error', (error) => {
      this.#failure = error;
    });
    this.#session = connect('http://relay', {
      createConnection: () => link,
      peerMaxConcurrentStreams: relayStreams,
      settings: { enablePush: false, initialWindowSize: relayWindows.ofStream },
      maxSessionMemory: 256,
    });
    this.#session.on('connect', () => this.#session.setLocalWindowSize(relayWindows.ofLink));
    this.#session.on('error', (error) => {
      this.#failure ??= error;
    });
  }

  get isOver(): boolean {
    return this.#session.closed || this.#session.destroyed;
  }

  onOver(over: () => void): void {
    this.#session.on('close', over);
  }

  close(): void {
    this.#session.destroy();
  }

  /** Undefined where nothing listens. `not-ready` where the relay says nothing, or why it could not be started. */
  async dial(port: number, signal: AbortSignal): Promise<Duplex | undefined> {
    const stream = this.isOver ? undefined : this.#request(port);
    const status = stream && (await statusOf(stream, withDeadline(answerMs, signal)));
    if (status === 200) return stream;
    stream?.close(constants.NGHTTP2_CANCEL);
    signal.throwIfAborted();
    if (status === 502) return undefined;
    if (this.#failure instanceof AppError) throw this.#failure;
    const state = this.isOver ? 'ended' : 'said nothing';
    throw new AppError('not-ready', `Cannot reach port ${port}: what relays it in the container's network ${state}`, {
      cause: this.#failure,
      next: 'Try again. Where the agent runs as a container, see that its image is still on the host.',
    });
  }

  #request(port: number): ClientHttp2Stream {
    const headers = { [HTTP2_HEADER_METHOD]: 'CONNECT', [HTTP2_HEADER_AUTHORITY]: `localhost:${port}` };
    return this.#session.request(headers, { endStream: false }).on('error', () => undefined); // Its reader is told.
  }
}

/** Undefined where none comes. */
async function statusOf(stream: ClientHttp2Stream, signal: AbortSignal): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const giveUp = () => resolve(undefined);
  stream.once('response', (headers) => resolve(Number(headers[HTTP2_HEADER_STATUS])));
  stream.once('close', giveUp);
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();
  const status = await promise;
  signal.removeEventListener('abort', giveUp);
  stream.off('close', giveUp);
  return status;
}
