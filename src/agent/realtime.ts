import type { WebSocket } from 'ws';
import { type Backoff, retryDelayMs } from '../base/retry.ts';
import { type Nudge, nudgeSchema } from '../contracts/agent-wire.ts';
import type { MetricsSample } from '../contracts/metrics.ts';
import { agentSocketPath } from '../contracts/routes-agent.ts';
import { sessionLimits, sessionSubprotocol } from '../contracts/session-wire.ts';
import { socketPort } from '../session/socket-port.ts';
import type { AgentSessions, SocketFrames } from './agent-sessions.ts';
import { DrainedPort } from './drained-port.ts';
import type { Link } from './link.ts';
import { Wake } from './wake.ts';

export interface RealtimeOptions {
  readonly link: Pick<Link, 'url' | 'isRegistered' | 'ready' | 'authorization' | 'renew'>;
  readonly onNudge: (nudge: Nudge) => void;
  /** Default: none can be had. */
  readonly sessions?: AgentSessions | undefined;
  /** Told when it opens and closes. */
  readonly onChange?: (isOpen: boolean) => void;
}

/** The code with which a server says that the session is over. */
const sessionEnded = 4001;
/** The server pings every 20 s. */
const silentMs = 50_000;
const socketOptions = {
  handshakeTimeout: 15_000,
  maxPayload: 1024 * 1024,
  perMessageDeflate: false,
  followRedirects: false,
};
const mostBufferedBytes = 1024 * 1024;
const backoff: Backoff = { delayMs: 500, maxDelayMs: 30_000, jitter: 0.8 };
/** Between the first tries while there are sessions, whose viewers wait. */
const hurried: Backoff = { delayMs: 40, maxDelayMs: 500 };
const hurriedTries = 20;
/** How long an agent that ends waits for the last words of its sessions to leave. */
const leaveMs = 1_000;

/** The socket to the server, dialled out. All works without it, only later. */
export class Realtime {
  readonly #options: RealtimeOptions;
  readonly #wake = new Wake();
  #socket: WebSocket | undefined;
  #offersSessions = true;

  constructor(options: RealtimeOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  /** Nothing where there is no socket, or the server does not read: the next sample comes in a second. */
  sendSample(sample: MetricsSample): void {
    const socket = this.#socket;
    if (socket === undefined || socket.bufferedAmount > mostBufferedBytes) return;
    socket.send(JSON.stringify({ kind: 'sample', sample }));
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      await this.#options.link.ready(signal);
      if (signal.aborted) return;
      const wasOpen = await this.#follow(signal);
      failures = wasOpen ? 1 : failures + 1;
      const isHurried = failures <= hurriedTries && (this.#options.sessions?.openSessions ?? 0) > 0;
      await this.#wake.wait(retryDelayMs(failures, isHurried ? hurried : backoff), signal);
    }
  }

  /** Until it closes, however that comes. Whether it was open. */
  async #follow(signal: AbortSignal): Promise<boolean> {
    const { link, sessions, onChange = () => {} } = this.#options;
    const { WebSocket } = await import('ws');
    if (signal.aborted || !link.isRegistered) return false;
    const authorization = link.authorization({ method: 'GET', path: agentSocketPath, body: undefined });
    const offered = sessions !== undefined && this.#offersSessions ? [sessionSubprotocol] : [];
    const socket = new WebSocket(`${link.url.replace(/^http/, 'ws')}${agentSocketPath}`, offered, {
      headers: { authorization },
      ...socketOptions,
    });
    const port = new DrainedPort(socketPort(socket));
    const frames = offered.length > 0 ? sessions?.frames(port) : undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    let wasOpen = false;
    socket.on('open', () => {
      wasOpen = true;
      this.#socket = socket;
      onChange(true);
    });
    socket.on('close', () => resolve());
    this.#listen(socket, frames);
    const end = () => void this.#leave(socket, port);
    signal.addEventListener('abort', end, { once: true });
    await promise;
    signal.removeEventListener('abort', end);
    this.#socket = undefined;
    frames?.end();
    if (wasOpen) onChange(false);
    return wasOpen;
  }

  /** Where there are sessions, closes only after they were told. */
  async #leave(socket: WebSocket, port: DrainedPort): Promise<void> {
    const { sessions } = this.#options;
    const hasSessions = (sessions?.openSessions ?? 0) > 0;
    sessions?.end();
    if (!hasSessions || socket !== this.#socket) return socket.terminate();
    setTimeout(() => socket.terminate(), leaveMs).unref();
    await port.drained();
    socket.close(1001, 'the agent ends');
  }

  #listen(socket: WebSocket, frames: SocketFrames | undefined): void {
    const { link, onNudge } = this.#options;
    const silence = setTimeout(() => socket.terminate(), silentMs).unref();
    socket.on('ping', () => silence.refresh());
    socket.on('upgrade', ({ headers }) => {
      // Something in between may leave the offer out, and to go without an answer to it is not allowed.
      this.#offersSessions = headers['sec-websocket-protocol'] !== undefined || !this.#offersSessions;
    });
    socket.on('message', (bytes, isBinary) => {
      silence.refresh();
      if (isBinary && Buffer.isBuffer(bytes)) {
        if (bytes.length > sessionLimits.messageBytes) socket.close(1009, 'a frame is too large');
        else frames?.receive(bytes);
        return;
      }
      const nudge = readNudge(bytes.toString());
      if (nudge !== undefined) onNudge(nudge);
    });
    socket.on('unexpected-response', (_request, response) => {
      // Only a session that the server does not know: any other status is that of something in between.
      if (response.statusCode === 401) link.renew();
      response.destroy();
      socket.terminate();
    });
    socket.on('error', () => socket.terminate());
    socket.on('close', (code) => {
      clearTimeout(silence);
      if (code === sessionEnded) link.renew();
    });
  }
}

/** Undefined for what a later release may say. */
function readNudge(text: string): Nudge | undefined {
  try {
    return nudgeSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // No JSON.
  }
}
