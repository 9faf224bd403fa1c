import { Agent } from 'node:http';
import type { Duplex } from 'node:stream';
import { sleep } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import { sessionLimits } from '../contracts/session-wire.ts';
import type { FrameLink } from '../session/frame-link.ts';
import { SessionDuplex } from '../session/session-duplex.ts';
import type { WebPlace } from './web-proxy-address.ts';

export interface WebPoolOptions {
  readonly place: WebPlace;
  /** A link for the sessions of who asks. */
  readonly openLink: () => FrameLink;
  /** Whether the agent of its host has a link to the server. */
  readonly isHostThere: () => boolean;
}

/** Of one user to one port, for requests: a page has much to load, and its browser asks for six at a time. */
const mostConnections = 16;
/** The same for WebSockets, and for what is asked again: a user has 64 sessions in all. */
const mostAlone = 16;
/** Requests that wait for a connection. */
const mostWaiting = 512;
const mostIdle = 8;
const idleMs = 30_000;
/** How long a host that is away is waited for: its agent may just be dialling anew. */
const patienceMs = 2_000;
const lookMs = 100;

/** Connections of one user to one port of a workspace, each of them a session, which are used again. */
export class WebPool {
  readonly agent: Agent;
  readonly #options: WebPoolOptions;
  readonly #connections = new Set<SessionDuplex>();
  #alone = 0;
  #link: FrameLink | undefined;

  constructor(options: WebPoolOptions) {
    this.#options = options;
    const connect = () => this.#connect();
    this.agent = new (class extends Agent {
      override createConnection(): Duplex {
        return connect();
      }
    })({ keepAlive: true, maxSockets: mostConnections, maxFreeSockets: mostIdle, timeout: idleMs });
  }

  /** A connection that is not shared: one that was kept may just be closed by the workspace. Raises `limit-exceeded`. */
  connectAlone(): SessionDuplex {
    if (this.#alone >= mostAlone) throw tooMany(`${mostAlone} WebSockets are open there`);
    const connection = this.#connect();
    this.#alone += 1;
    connection.once('close', () => (this.#alone -= 1));
    return connection;
  }

  /** Raises `limit-exceeded` where too many requests wait for a connection. */
  expectRoom(): void {
    const waiting = Object.values(this.agent.requests).reduce((count, requests) => count + (requests?.length ?? 0), 0);
    if (waiting >= mostWaiting) throw tooMany(`${mostWaiting} requests wait for it`);
  }

  #connect(): SessionDuplex {
    const { host, workspace, port } = this.#options.place;
    const connection: SessionDuplex = new SessionDuplex({
      open: { host, session: { kind: 'proxy', workspace, port }, window: sessionLimits.windowBytes },
      connect: async (signal) => {
        if (!connection.isOpen) await this.#waitForHost(signal);
        return this.#linkNow();
      },
      // The next request would get it, and wait for a host that may not come back.
      onAway: (isAway) => isAway && this.#isIdle(connection) && connection.destroy(),
    });
    this.#connections.add(connection);
    connection.once('close', () => this.#connections.delete(connection));
    return connection;
  }

  /** Those that a WebSocket took over included. */
  get openConnections(): number {
    return this.#connections.size;
  }

  close(): void {
    this.agent.destroy();
    for (const connection of this.#connections) connection.destroy();
  }

  #isIdle(connection: Duplex): boolean {
    const idle: readonly Duplex[] = Object.values(this.agent.freeSockets).flatMap((sockets) => sockets ?? []);
    return idle.includes(connection);
  }

  async #waitForHost(signal: AbortSignal): Promise<void> {
    const until = performance.now() + patienceMs;
    while (!this.#options.isHostThere()) {
      if (performance.now() >= until) throw away(this.#options.place.host);
      await sleep(lookMs, signal);
    }
  }

  #linkNow(): FrameLink {
    if (this.#link === undefined || this.#link.isEnded) this.#link = this.#options.openLink();
    return this.#link;
  }
}

/** Of one user to one port. */
export function tooMany(state: string): AppError {
  return new AppError('limit-exceeded', `Cannot show this port: ${state}`, { next: 'Close some of its pages.' });
}

function away(host: string): AppError {
  return new AppError('not-ready', `Cannot reach host "${host}": its agent has no link to the server for now`, {
    next: 'It comes back by itself. See agora host ls',
  });
}
