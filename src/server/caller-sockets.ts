import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket, WebSocketServer } from 'ws';
import { sleep } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import { sessionLimits, sessionSubprotocol } from '../contracts/session-wire.ts';
import { socketPort } from '../session/socket-port.ts';
import { FrameBudgets, frameIntake } from './frame-intake.ts';
import type { UserCaller } from './handler.ts';
import { refuseUpgrade } from './refuse-upgrade.ts';
import type { Relay } from './relay.ts';

export interface CallerSocketsOptions {
  readonly relay: Pick<Relay, 'serve'>;
  /** Who asks, and from where. Raises why they are not let in. */
  readonly admit: (request: IncomingMessage) => { readonly caller: UserCaller; readonly address: string };
  /** The same caller as their token lets them be now. */
  readonly callerNow: (tokenId: string) => UserCaller | undefined;
  /** Told of a user who was known and not let in. Default: nobody is. */
  readonly onRefusal?: (caller: UserCaller, address: string) => void;
  /** Between two pings, in milliseconds. Default: 20000. */
  readonly pingMs?: number;
  /** A link whose other side says nothing for so long is lost, in milliseconds. Default: 50000. */
  readonly silentMs?: number;
}

/** Below the minute after which proxies and load balancers drop a silent connection. */
const defaults = { pingMs: 20_000, silentMs: 50_000 };
const mostLinksOfUser = 64;
/** How long the other side has to answer a close. */
const closeMs = 1_000;
const webSocketOptions = {
  maxPayload: sessionLimits.messageBytes,
  /** Of one message: each fragment costs more than its bytes. */
  maxFragments: 64,
  maxBufferedChunks: 4_096,
  closeTimeout: closeMs,
  perMessageDeflate: false,
};

/** The links that callers opened for sessions. */
export class CallerSockets {
  readonly #options: CallerSocketsOptions & typeof defaults;
  readonly #linked = new Map<WebSocket, UserCaller>();
  readonly #budgets = new FrameBudgets();
  #isClosed = false;
  #server: Promise<WebSocketServer> | undefined;

  constructor(options: CallerSocketsOptions) {
    this.#options = { ...defaults, ...options };
  }

  /** Takes a request to upgrade, or answers why not; who was let in. */
  async upgrade(request: IncomingMessage, connection: Duplex, head: Buffer): Promise<UserCaller | undefined> {
    const server = await this.#webSockets();
    try {
      const { caller, address } = this.#options.admit(request);
      this.#expectRoom(caller, address);
      expectSubprotocol(request);
      server.handleUpgrade(request, connection, head, (socket) => this.#accept(socket, caller, address));
      return caller;
    } catch (error) {
      refuseUpgrade(connection, error);
      return undefined;
    }
  }

  /** Ends the links of those whose token is no more. */
  checkCallers(): void {
    for (const [socket, { tokenId }] of this.#linked) {
      if (this.#options.callerNow(tokenId) === undefined) socket.close(4001, 'your token is not valid any more');
    }
  }

  /** What was sent before still arrives where it is read. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const closed = [...this.#linked.keys()].map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.once('close', () => resolve());
          socket.close(1001, 'the server stops');
        }),
    );
    const inTime = new AbortController();
    // Aborted once it is not waited for.
    const late = sleep(closeMs, inTime.signal).catch(() => undefined);
    await Promise.race([Promise.all(closed), late]);
    inTime.abort();
    for (const socket of this.#linked.keys()) socket.terminate();
  }

  #accept(socket: WebSocket, caller: UserCaller, address: string): void {
    if (this.#isClosed) {
      socket.terminate();
      return;
    }
    const { relay, pingMs, silentMs } = this.#options;
    const link = relay.serve(caller, { address }, socketPort(socket));
    const takeFrame = frameIntake(socket, { budgets: this.#budgets, whose: caller.user.name, link });
    this.#linked.set(socket, caller);
    const silence = setTimeout(() => socket.terminate(), silentMs).unref();
    const pinging = setInterval(() => socket.ping(), pingMs).unref();
    socket.on('pong', () => silence.refresh());
    socket.on('message', (frame, isBinary) => {
      silence.refresh();
      // With the default type of messages each is one Buffer.
      if (isBinary && frame instanceof Uint8Array) takeFrame(frame);
      else socket.close(1003, 'frames are binary');
    });
    // Told by its close, which follows.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(silence);
      clearInterval(pinging);
      this.#linked.delete(socket);
      link.end({ code: 'host-away', message: 'the link of the caller was lost' });
    });
  }

  #expectRoom(of: UserCaller, address: string): void {
    const { user } = of;
    const links = [...this.#linked.values()].filter((caller) => caller.user.name === user.name).length;
    if (links < mostLinksOfUser) return;
    this.#options.onRefusal?.(of, address);
    throw new AppError('too-many-requests', `Cannot open a link for sessions: "${user.name}" has ${links} open`, {
      next: 'End some of what uses them, or have several sessions share one.',
    });
  }

  #webSockets(): Promise<WebSocketServer> {
    this.#server ??= import('ws').then(
      ({ WebSocketServer }) =>
        new WebSocketServer({ noServer: true, ...webSocketOptions, handleProtocols: () => sessionSubprotocol }),
    );
    return this.#server;
  }
}

function expectSubprotocol(request: IncomingMessage): void {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  if (offered.includes(sessionSubprotocol)) return;
  throw new AppError('invalid-input', `Cannot open a link for sessions: it must offer "${sessionSubprotocol}"`, {
    next: 'See docs/reference/session-protocol.md.',
  });
}
