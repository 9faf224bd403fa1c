import type { IncomingMessage } from 'node:http';
import { addAbortSignal } from 'node:stream';
import type { WebSocket } from 'ws';
import { inertLine } from '../base/inert-line.ts';
import { AppError } from '../contracts/errors.ts';
import { sessionLimits, sessionSubprotocol, sessionsPath } from '../contracts/session-wire.ts';
import { FrameLink } from '../session/frame-link.ts';
import { socketPort } from '../session/socket-port.ts';
import { reasonOf, toldRefusal, unreachableServer } from './server-failure.ts';

export interface SessionLinkOptions {
  /** `http://host:port`, with or without a path before ours, as `ServerClient.url`. */
  readonly url: string;
  /** The value of the `authorization` header. */
  readonly authorization: string;
  /** Gives up connecting; later ends the link, after what it still has to send. */
  readonly signal: AbortSignal;
  /** Told when the socket is gone, after all that it had to send. Default: nobody is told. */
  readonly onClosed?: () => void;
  /** Without a word of the server for so long the link is lost, in milliseconds. Default: 50000. */
  readonly silentMs?: number;
}

/** The server pings every 20 s. */
const defaultSilentMs = 50_000;
const socketOptions = {
  handshakeTimeout: 10_000,
  /** For the other side to answer our end. */
  closeTimeout: 2_000,
  maxPayload: sessionLimits.messageBytes,
  perMessageDeflate: false,
  followRedirects: false,
};
const refusalMs = 2_000;

/**
 * A link to a server for sessions, over a WebSocket. Failures raised: `unreachable` where another try may help, else what the server
 * refuses with.
 */
export async function connectSessions(options: SessionLinkOptions): Promise<FrameLink> {
  const { url, authorization, signal } = options;
  const { WebSocket } = await import('ws');
  signal.throwIfAborted();
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}${sessionsPath}`, sessionSubprotocol, {
    headers: { authorization },
    ...socketOptions,
  });
  const link = linkOver(socket, options);
  const end = () => socket.close(1000);
  signal.addEventListener('abort', end, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', end));
  await opened(socket, options);
  return link;
}

function linkOver(socket: WebSocket, { onClosed, silentMs = defaultSilentMs }: SessionLinkOptions): FrameLink {
  const link = new FrameLink({
    mostStreams: sessionLimits.callerStreams,
    port: socketPort(socket),
  });
  const silence = setTimeout(() => socket.terminate(), silentMs).unref();
  socket.on('ping', () => silence.refresh());
  socket.on('message', (message, isBinary) => {
    silence.refresh();
    // With the default type of messages each is one Buffer.
    if (isBinary && message instanceof Uint8Array) link.receive(message);
    else socket.close(1003, 'frames are binary');
  });
  socket.on('close', (_code, reason) => {
    clearTimeout(silence);
    const told = inertLine(reason.toString());
    link.end({
      code: 'host-away',
      message: told === '' ? 'the link to the server was lost' : `the link to the server ended: ${told}`,
    });
    onClosed?.();
  });
  return link;
}

/** Raises why it cannot be. */
async function opened(socket: WebSocket, { url, signal }: SessionLinkOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once('open', resolve);
  socket.once('unexpected-response', (request, response) => {
    void refusalOf(url, response).then((refusal) => {
      reject(refusal);
      request.destroy();
      socket.terminate();
    });
  });
  // Listened to for good: an error later ends the socket, and that is told.
  socket.on('error', (error) =>
    reject(signal.aborted ? signal.reason : unreachableServer(url, reasonOf(error), error)),
  );
  socket.once('close', () => reject(signal.aborted ? signal.reason : unreachableServer(url, 'it closed the link')));
  await promise;
}

async function refusalOf(url: string, response: IncomingMessage): Promise<AppError> {
  const { statusCode = 0 } = response;
  const told = toldRefusal(await bodyOf(response));
  if (told !== undefined) return told;
  const problem = (code: 'unauthenticated' | 'refused' | 'too-many-requests', state: string, next: string) =>
    new AppError(code, `Cannot open a session on "${url}": ${state}`, { next });
  if (statusCode === 401)
    return problem('unauthenticated', 'the server does not know your token', `agora login ${url}`);
  if (statusCode === 403) return problem('refused', 'you may not', 'Ask an admin of the server for another role.');
  if (statusCode === 404)
    return problem('refused', 'the server is of an older release, which has none', 'Upgrade the server.');
  if (statusCode === 429) return problem('too-many-requests', 'you asked too often', 'Try again in a minute.');
  const state = `it answered with status ${statusCode} instead of opening a WebSocket`;
  // Of a server, or what stands before it, that will be back.
  if (statusCode >= 500) return unreachableServer(url, state);
  return problem('refused', state, 'Have the proxy before the server pass WebSockets on.');
}

/** Undefined where it is no JSON, too long, or does not come in time. */
async function bodyOf(response: IncomingMessage): Promise<unknown> {
  let text = '';
  try {
    for await (const part of addAbortSignal(AbortSignal.timeout(refusalMs), response.setEncoding('utf8'))) {
      text += part;
      if (text.length > sessionLimits.jsonBytes) return undefined;
    }
    return JSON.parse(text);
  } catch {
    return undefined; // Its status still says enough.
  }
}
