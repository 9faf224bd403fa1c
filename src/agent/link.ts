import { canonicalize } from '../base/canonical-json.ts';
import { signText } from '../base/fleet-keys.ts';
import { digestOf } from '../base/hash.ts';
import { type Backoff, retryDelayMs } from '../base/retry.ts';
import { agentAuthorizationScheme, type RegisterReply } from '../contracts/agent-wire.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { RouteName } from '../contracts/routes.ts';
import {
  type Fetch,
  type OutgoingRequest,
  type Reply,
  type ReplyOf,
  type RequestOf,
  type SendOptions,
  ServerClient,
} from '../server-client/server-client.ts';
import type { KeyPair } from './identity.ts';
import { Wake } from './wake.ts';

/** What a server gave with a registration, and the keys that it then knows. */
export interface Registered {
  readonly reply: RegisterReply;
  readonly keys: KeyPair;
}

export interface LinkOptions {
  readonly url: string;
  /** Default: the global one. */
  readonly fetch?: Fetch | undefined;
  /** One registration from its beginning. */
  readonly register: (client: ServerClient, signal: AbortSignal) => Promise<Registered>;
  /** Told of each failure to register, and how long the next try is away. */
  readonly onFailure: (error: unknown, waitMs: number) => Promise<void>;
  /** Told once registered, before anything else is asked. */
  readonly onRegistered: (reply: RegisterReply) => Promise<void>;
  /** The server went away, or is reached again. Default: nobody is told. */
  readonly onContactChange?: (isAway: boolean) => void;
}

/** A server that restarts has all its agents back within these. */
const awayBackoff: Backoff = { delayMs: 250, maxDelayMs: 10_000 };
/** What a server answers to does not change by itself. */
const refusedBackoff: Backoff = { delayMs: 1_000, maxDelayMs: 60_000 };

interface Session {
  readonly sessionId: string;
  readonly keys: KeyPair;
  sequence: number;
}

/** The signed way to the server. It registers until it succeeds, and again when the server does not know it any more. */
export class Link {
  readonly url: string;
  readonly #options: LinkOptions;
  readonly #plain: ServerClient;
  readonly #client: ServerClient;
  readonly #lost = new Wake();
  #ready = Promise.withResolvers<void>();
  #session: Session | undefined;
  #isAway = true;

  constructor(options: LinkOptions) {
    this.#options = options;
    const { url, fetch } = options;
    this.#plain = new ServerClient({ url, fetch });
    this.url = this.#plain.url;
    this.#client = new ServerClient({ url, fetch, authorize: (request) => this.authorization(request) });
  }

  get isRegistered(): boolean {
    return this.#session !== undefined;
  }

  get isEncrypted(): boolean {
    return this.url.startsWith('https:');
  }

  /** Registers whenever there is no session, until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      if (this.#session !== undefined) {
        await this.#lost.wait(Number.POSITIVE_INFINITY, signal);
        continue;
      }
      try {
        await this.#register(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        await this.#waitAfter(error, failures, signal);
      }
    }
  }

  /** Resolves while there is a session; with the signal too. */
  async ready(signal: AbortSignal): Promise<void> {
    if (this.#session !== undefined || signal.aborted) return;
    const aborted = Promise.withResolvers<void>();
    const end = () => aborted.resolve();
    signal.addEventListener('abort', end, { once: true });
    await Promise.race([this.#ready.promise, aborted.promise]);
    signal.removeEventListener('abort', end);
  }

  /** Ends the session: the agent registers again at once. */
  renew(): void {
    if (this.#session !== undefined) this.#ready = Promise.withResolvers();
    this.#session = undefined;
    this.#lost.wake();
  }

  async call<Name extends RouteName>(name: Name, request: RequestOf<Name>, options?: SendOptions) {
    return await this.#observed<ReplyOf<Name>>(() => this.#client.call(name, request, options));
  }

  async send<Name extends RouteName>(name: Name, request: RequestOf<Name>, options?: SendOptions): Promise<Reply> {
    return await this.#observed(() => this.#client.send(name, request, options));
  }

  /** Each value is good for one request. */
  authorization({ method, path, body }: OutgoingRequest): string {
    const session = this.#session;
    if (session === undefined) throw new AppError('unreachable', `Cannot ask the server "${this.url}": not registered`);
    session.sequence += 1;
    const { sessionId, sequence, keys } = session;
    const text = canonicalize({ session: sessionId, sequence, method, path, body: digestOf(body ?? '') });
    return `${agentAuthorizationScheme} ${sessionId} ${sequence} ${signText(keys.identity, text)}`;
  }

  async #register(signal: AbortSignal): Promise<void> {
    const { reply, keys } = await this.#options.register(this.#plain, signal);
    this.#setAway(false);
    await this.#options.onRegistered(reply);
    this.#session = { sessionId: reply.sessionId, keys, sequence: 0 };
    this.#ready.resolve();
  }

  async #waitAfter(error: unknown, failures: number, signal: AbortSignal): Promise<void> {
    const isAway = isAppError(error, 'unreachable');
    // Another server than this host's own is none.
    this.#setAway(isAway || isAppError(error, 'no-trust'));
    const waitMs = retryDelayMs(failures, isAway ? awayBackoff : refusedBackoff);
    await this.#options.onFailure(error, waitMs);
    await this.#lost.wait(waitMs, signal);
  }

  async #observed<T>(ask: () => Promise<T>): Promise<T> {
    const session = this.#session;
    try {
      const reply = await ask();
      this.#setAway(false);
      return reply;
    } catch (error) {
      if (isAppError(error, 'unreachable')) this.#setAway(true);
      else if (isAppError(error)) this.#setAway(false);
      if (isAppError(error, 'unauthenticated') && this.#session === session) this.renew();
      throw error;
    }
  }

  #setAway(isAway: boolean): void {
    const wasAway = this.#isAway;
    this.#isAway = isAway;
    if (wasAway !== isAway) this.#options.onContactChange?.(isAway);
  }
}
