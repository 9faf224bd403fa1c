import { sleep } from '../base/deadline.ts';
import { exitCodes } from '../contracts/errors.ts';
import type { ServerClient } from '../server-client/server-client.ts';
import { connectSessions } from '../server-client/session-link.ts';
import { CallerSession, type CallerSessionOptions } from '../session/caller-session.ts';
import type { FrameLink } from '../session/frame-link.ts';
import type { CommandContext } from './command.ts';
import { authorizationOf, clientWith, type ServerAccess, type ServerWords, serverAccess } from './open-server.ts';

/** For what is still to be sent when a command is over. */
const closeMs = 1_000;

/** A server, and sessions over one link to it, which is made when one of them needs it. */
export class ServerSessions {
  readonly client: ServerClient;
  readonly #authorization: string;
  readonly #stop: AbortSignal;
  readonly #over = new AbortController();
  #link: FrameLink | undefined;
  #connecting: Promise<FrameLink> | undefined;
  #closed: Promise<void> = Promise.resolve();

  /** With `stop` what its client asks is given up. */
  constructor({ url, token }: ServerAccess, stop: AbortSignal) {
    this.client = clientWith(url, token, { signal: stop });
    this.#stop = stop;
    this.#authorization = authorizationOf(token);
  }

  session(options: Omit<CallerSessionOptions, 'connect'>): CallerSession {
    return new CallerSession({ ...options, connect: (signal) => this.connect(signal) });
  }

  /** The link that is there, or a new one. */
  async connect(signal: AbortSignal): Promise<FrameLink> {
    if (this.#link?.isEnded === false) return this.#link;
    this.#connecting ??= this.#newLink();
    const gaveUp = Promise.withResolvers<never>();
    const giveUp = () => gaveUp.reject(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      signal.throwIfAborted();
      return await Promise.race([this.#connecting, gaveUp.promise]);
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** Does something with it, and closes it; the exit code. */
  async during(use: () => Promise<number>): Promise<number> {
    try {
      return await use();
    } catch (error) {
      if (this.#stop.aborted && error === this.#stop.reason) return exitCodes.interrupted;
      throw error;
    } finally {
      await this.close();
    }
  }

  /** After what is still to be sent, as long as that takes no more than a second. */
  async close(): Promise<void> {
    this.#over.abort();
    const inTime = new AbortController();
    await Promise.race([this.#closed, sleep(closeMs, inTime.signal).catch(() => undefined)]);
    inTime.abort();
  }

  /** Not that of one session: all that wait for a link wait for the same. */
  async #newLink(): Promise<FrameLink> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { url } = this.client;
    try {
      const authorization = this.#authorization;
      const link = await connectSessions({ url, authorization, signal: this.#over.signal, onClosed: resolve });
      this.#closed = promise;
      this.#link = link;
      return link;
    } finally {
      this.#connecting = undefined;
    }
  }
}

/** The server that is meant. */
export async function openSessions(words: ServerWords, context: CommandContext): Promise<ServerSessions> {
  return new ServerSessions(await serverAccess(words, context), context.stop);
}
