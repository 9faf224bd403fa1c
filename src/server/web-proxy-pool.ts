import { Agent } from 'node:http';
import type { Duplex } from 'node:stream';
import { AppError } from '../contracts/errors.ts';
import { sessionLimits } from '../contracts/session-wire.ts';
import type { FrameLink } from '../session/frame-link.ts';
import { SessionDuplex } from '../session/session-duplex.ts';
import type { WebPlace } from './web-proxy-address.ts';

export interface WebPoolOptions {
  readonly place: WebPlace;
  /** A link for the sessions of who asks. */
  readonly openLink: () => FrameLink;
}

/** Of one user to one port: a page asks for much at once, and its browser asks for six at a time. */
const mostConnections = 32;
const mostIdle = 8;
const idleMs = 30_000;
/** How long a host that is away is waited for: its agent may just be dialling anew. */
const patienceMs = 2_000;

/** Connections of one user to one port of a workspace, each of them a session, which are used again. */
export class WebPool {
  readonly agent: Agent;
  readonly #options: WebPoolOptions;
  readonly #connections = new Set<SessionDuplex>();
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

  /** Those that a WebSocket took over included. */
  get openConnections(): number {
    return this.#connections.size;
  }

  close(): void {
    this.agent.destroy();
    for (const connection of this.#connections) connection.destroy();
    this.#link?.end({ code: 'cancelled', message: 'the page is not open any more' });
  }

  #connect(): SessionDuplex {
    const { place } = this.#options;
    const { host, workspace, port } = place;
    const until = performance.now() + patienceMs;
    let attempts = 0;
    const connection: SessionDuplex = new SessionDuplex({
      open: { host, session: { kind: 'proxy', workspace, port }, window: sessionLimits.windowBytes },
      connect: async () => {
        attempts += 1;
        if (attempts > 1 && !connection.isOpen && performance.now() > until) throw away(host);
        return this.#linkNow();
      },
    });
    this.#connections.add(connection);
    connection.once('close', () => this.#connections.delete(connection));
    return connection;
  }

  #linkNow(): FrameLink {
    if (this.#link === undefined || this.#link.isEnded) this.#link = this.#options.openLink();
    return this.#link;
  }
}

function away(host: string): AppError {
  return new AppError('not-ready', `Cannot reach host "${host}": its agent has no link to the server for now`, {
    next: 'It comes back by itself. See agora host ls',
  });
}
