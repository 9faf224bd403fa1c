import { type AddressInfo, createServer, isIPv6, type Server, type Socket } from 'node:net';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import { sessionLimits } from '../contracts/session-wire.ts';
import { SessionDuplex } from '../session/session-duplex.ts';
import type { ProxiedPort } from './port-word.ts';
import type { ServerSessions } from './server-sessions.ts';
import type { SessionTalk } from './session-talk.ts';

export interface ProxyListenerOptions {
  readonly host: string;
  readonly workspace: string;
  readonly port: ProxiedPort;
  /** Of this machine. */
  readonly address: string;
  readonly sessions: ServerSessions;
  readonly talk: SessionTalk;
}

/** A port of this machine, each connection to which is a session with one of a workspace. */
export class ProxyListener {
  readonly #options: ProxyListenerOptions;
  readonly #server: Server;
  readonly #connections = new Map<Socket, SessionDuplex>();

  constructor(options: ProxyListenerOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#connect(socket));
  }

  /** What leads where, for a person. */
  async start(): Promise<string> {
    const { host, workspace, port, address } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject).listen({ host: address, port: port.local }, resolve);
    await promise.catch((error: unknown) => {
      throw listenError(`${address}:${port.local}`, port, error);
    });
    // A connection that cannot be taken, for want of file descriptors, is no end of the others.
    this.#server.on('error', (error) => this.#options.talk.say(`a connection was not taken: ${error.message}`));
    const { address: bound, port: local } = this.#server.address() as AddressInfo; // It listens on a port.
    return `http://${isIPv6(bound) ? `[${bound}]` : bound}:${local} -> ${host}/${workspace}:${port.port}`;
  }

  close(): void {
    this.#server.close();
    for (const [socket, session] of this.#connections) {
      // At once, and not when the socket is closed: its link goes now, and one that was only lost would wait for us.
      session.destroy();
      socket.destroy();
    }
  }

  #connect(socket: Socket): void {
    const { host, workspace, port, sessions, talk } = this.#options;
    const from = `${socket.remoteAddress}:${socket.remotePort}`;
    const session = new SessionDuplex({
      open: { host, session: { kind: 'proxy', workspace, port: port.port }, window: sessionLimits.windowBytes },
      connect: (signal) => sessions.connect(signal),
      onNotice: (text) => talk.say(`connection of ${from}: ${text}`),
      onAway: (isAway, reason) => talk.away(isAway, reason),
      allowHalfOpen: true,
    });
    this.#connections.set(socket, session);
    session.on('error', (error) => {
      talk.say(`connection of ${from} to port ${port.port}: ${error.message}`);
      // It ends as one does that nobody took, and not as if all had come.
      socket.resetAndDestroy();
    });
    socket.on('error', () => session.destroy());
    socket.on('close', () => {
      this.#connections.delete(socket);
      // What is complete here may still be on its way there.
      if (!session.readableEnded || !session.writableEnded) session.destroy();
    });
    // A half that ends is passed on by each pipe.
    socket.pipe(session).pipe(socket);
  }
}

function listenError(place: string, { port }: ProxiedPort, cause: unknown): AppError {
  const states: Readonly<Record<string, string>> = {
    EADDRINUSE: 'it is taken',
    EACCES: 'it takes more rights',
    EADDRNOTAVAIL: 'this machine has no such address',
    ENOTFOUND: 'this machine has no such address',
    EAI_AGAIN: 'its name cannot be looked up',
  };
  const code = systemErrorCode(cause) ?? '';
  const state = states[code] ?? (cause instanceof Error ? cause.message : String(cause));
  const next = isOfAddress(code)
    ? 'Name an address of this machine with --listen, as 0.0.0.0 for all of them.'
    : `Name another local port, as ${port}:8080, or one that is free: ${port}:0.`;
  return new AppError('refused', `Cannot listen on "${place}": ${state}`, { next });
}

function isOfAddress(code: string): boolean {
  return ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN'].includes(code);
}
