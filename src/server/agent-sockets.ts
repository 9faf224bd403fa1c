import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket, WebSocketServer } from 'ws';
import { digestOf } from '../base/hash.ts';
import { agentProtocol, type Nudge } from '../contracts/agent-wire.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import type { MetricsSample } from '../contracts/metrics.ts';
import { agentSocketPath } from '../contracts/routes-agent.ts';
import { type Close, sessionLimits, sessionSubprotocol } from '../contracts/session-wire.ts';
import { FrameLink } from '../session/frame-link.ts';
import { socketPort } from '../session/socket-port.ts';
import { floodGate } from './flood-gate.ts';
import { FrameBudgets, frameIntake } from './frame-intake.ts';
import type { HostCaller } from './handler.ts';
import type { Credentials } from './http.ts';
import { refuseUpgrade } from './refuse-upgrade.ts';
import { keepPinged } from './socket-pings.ts';
import { sampleOf } from './socket-sample.ts';

export interface AgentSocketsOptions {
  readonly authenticate: (credentials: Credentials) => HostCaller;
  readonly onSample: (hostId: HostId, sample: MetricsSample) => void;
  /** Told why a host's socket was closed by us; the same host not more than once a minute. Default: nobody is told. */
  readonly onDrop?: (hostId: HostId, reason: string) => void;
  /** Told of what should not have failed in a session; it ended one stream. Default: nobody is. */
  readonly onDefect?: (error: unknown) => void;
  /** Between two looks whether the other side is there, in milliseconds. Default: 20000. */
  readonly pingMs?: number;
}

/** Below the minute after which proxies and load balancers drop a silent connection. */
const defaultPingMs = 20_000;
/** What may wait to be sent to an agent that does not read. With more its socket is closed, and the agent dials anew. */
const mostBufferedBytes = 256 * 1024 + sessionLimits.aheadBytes + sessionLimits.messageBytes;
const webSocketOptions = {
  maxPayload: 1024 * 1024,
  /** Of one message: each fragment costs more than its bytes. */
  maxFragments: 64,
  maxBufferedChunks: 4_096,
  /** How long the other side has to answer a close, in ms. */
  closeTimeout: 2_000,
  perMessageDeflate: false,
};
const toldAgainMs = 60_000;
const mostTold = 10_000;

const away: Close = { code: 'host-away', message: 'the link to the host was lost' };

interface SocketEnd {
  readonly code: number;
  readonly reason: string;
}

interface OpenSocket {
  readonly socket: WebSocket;
  /** Of sessions; undefined where the agent knows none. */
  readonly link: FrameLink | undefined;
}

/** The way to the sessions of a host, or why there is none: its agent has no socket here, or is of a release without sessions. */
export type WayToHost = FrameLink | 'away' | 'older';

/** The realtime sockets that agents dialled. Each host has at most one: a new one takes the place of the old. */
export class AgentSockets {
  readonly #options: AgentSocketsOptions;
  readonly #open = new Map<HostId, OpenSocket>();
  /** Also those that are being closed. */
  readonly #all = new Set<WebSocket>();
  #isClosed = false;
  readonly #budgets = new FrameBudgets();
  readonly #toldAt = new Map<HostId, number>();
  #server: Promise<WebSocketServer> | undefined;

  constructor(options: AgentSocketsOptions) {
    this.#options = options;
  }

  has(hostId: HostId): boolean {
    return this.#open.has(hostId);
  }

  wayTo(hostId: HostId): WayToHost {
    const open = this.#open.get(hostId);
    return open === undefined ? 'away' : (open.link ?? 'older');
  }

  /** Whether there was a socket to tell it on. */
  nudge(hostId: HostId, nudge: Nudge): boolean {
    const socket = this.#open.get(hostId)?.socket;
    if (socket === undefined) return false;
    if (socket.bufferedAmount > mostBufferedBytes) {
      this.#drop(hostId, { code: 1008, reason: 'it does not read' });
      return false;
    }
    socket.send(JSON.stringify(nudge));
    return true;
  }

  /** Takes an HTTP request to upgrade, or answers why not; who was let in. */
  async upgrade(request: IncomingMessage, connection: Duplex, head: Buffer): Promise<HostCaller | undefined> {
    connection.on('error', () => connection.destroy());
    const path = request.url ?? '';
    // Awaited before it is let in: nothing can then end its session before it has its socket.
    const server = await this.#webSockets();
    const { authorization } = request.headers;
    try {
      if (path !== agentSocketPath) throw nothingAt(path);
      const caller = this.#options.authenticate({ authorization, method: 'GET', path, bodyDigest: digestOf('') });
      server.handleUpgrade(request, connection, head, (socket) => this.#accept(caller.hostId, socket));
      return caller;
    } catch (error) {
      refuseUpgrade(connection, error);
      return undefined;
    }
  }

  /** Ends a host's socket, which then may not come back with its session. */
  end(hostId: HostId): void {
    this.#toldAt.delete(hostId);
    this.#close(hostId, { code: 4001, reason: 'the session has ended' });
  }

  close(): void {
    this.#isClosed = true;
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const { link } of open) link?.end({ code: 'server-stopping', message: 'the server stops' });
    for (const socket of this.#all) socket.terminate();
  }

  /** Closes it for what its host did. */
  #drop(hostId: HostId, end: SocketEnd): void {
    this.#close(hostId, end);
    const now = performance.now();
    if (now - (this.#toldAt.get(hostId) ?? Number.NEGATIVE_INFINITY) < toldAgainMs) return;
    if (this.#toldAt.size >= mostTold) this.#toldAt.clear();
    this.#toldAt.set(hostId, now);
    try {
      this.#options.onDrop?.(hostId, end.reason);
    } catch (error) {
      // It would end the process: nobody else waits for what a socket does.
      this.#options.onDefect?.(error);
    }
  }

  #close(hostId: HostId, { code, reason }: SocketEnd): void {
    const open = this.#open.get(hostId);
    this.#open.delete(hostId);
    open?.socket.close(code, reason);
    open?.link?.end(away);
  }

  #accept(hostId: HostId, socket: WebSocket): void {
    if (this.#isClosed) {
      socket.terminate();
      return;
    }
    this.#all.add(socket);
    this.#close(hostId, { code: 4000, reason: 'another socket of this host took its place' });
    const link = this.#linkOver(hostId, socket);
    this.#open.set(hostId, { socket, link });
    const takeFrame = link && frameIntake(socket, { budgets: this.#budgets, whose: hostId, link });
    const pings = keepPinged(socket, {
      everyMs: this.#options.pingMs ?? defaultPingMs,
      onSilent: () => {
        this.#drop(hostId, { code: 1001, reason: 'it does not answer' });
        socket.terminate();
      },
    });
    const isFlood = floodGate();
    /** Whether what came still counts. */
    const isTaken = () => {
      if (!this.#isOpen(hostId, socket)) return false;
      const isTooMany = isFlood();
      if (isTooMany) this.#drop(hostId, { code: 1008, reason: 'too many messages' });
      return !isTooMany;
    };
    socket.on('pong', () => isTaken() && pings.answered());
    socket.on('ping', isTaken);
    socket.on('message', (bytes, isBinary) => {
      if (isBinary && takeFrame !== undefined && bytes instanceof Uint8Array) {
        if (!this.#isOpen(hostId, socket)) return;
        if (bytes.length <= sessionLimits.messageBytes) takeFrame(bytes);
        else this.#drop(hostId, { code: 1009, reason: `a frame of ${bytes.length} bytes` });
        return;
      }
      if (!isTaken() || (!isBinary && this.#take(hostId, bytes.toString()))) return;
      this.#drop(hostId, { code: 1003, reason: `not a message of protocol ${agentProtocol}` });
    });
    socket.on('error', (error) => this.#failed(hostId, socket, error));
    socket.on('close', () => {
      this.#all.delete(socket);
      if (this.#isOpen(hostId, socket)) this.#open.delete(hostId);
      link?.end(away);
    });
  }

  #linkOver(hostId: HostId, socket: WebSocket): FrameLink | undefined {
    if (socket.protocol !== sessionSubprotocol) return undefined;
    const end = (code: number, reason: string) => {
      if (this.#isOpen(hostId, socket)) this.#drop(hostId, { code, reason });
    };
    return new FrameLink({
      mostStreams: sessionLimits.agentStreams,
      port: { ...socketPort(socket), end },
      onDefect: (error) => this.#options.onDefect?.(error),
    });
  }

  #isOpen(hostId: HostId, socket: WebSocket): boolean {
    return this.#open.get(hostId)?.socket === socket;
  }

  /** Whether it was a message of the protocol. */
  #take(hostId: HostId, text: string): boolean {
    const sample = sampleOf(text);
    if (sample === undefined) return false;
    try {
      this.#options.onSample(hostId, sample);
    } catch {
      // A sample that cannot be shown is one that is missed: the next comes in a second.
    }
    return true;
  }

  /** It closes by itself, and tells the other side why where it can. */
  #failed(hostId: HostId, socket: WebSocket, error: Error): void {
    const isTheirs = systemErrorCode(error)?.startsWith('WS_ERR_') === true;
    if (isTheirs && this.#isOpen(hostId, socket)) this.#drop(hostId, { code: 1002, reason: error.message });
  }

  #webSockets(): Promise<WebSocketServer> {
    this.#server ??= import('ws').then(
      ({ WebSocketServer }) =>
        new WebSocketServer({
          noServer: true,
          ...webSocketOptions,
          handleProtocols: (offered) => offered.has(sessionSubprotocol) && sessionSubprotocol,
        }),
    );
    return this.#server;
  }
}

function nothingAt(path: string): AppError {
  return new AppError('not-found', `Cannot upgrade "${path.slice(0, 200)}": there is no WebSocket at this address`);
}
