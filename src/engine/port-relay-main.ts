import { constants, performServerHandshake, type ServerHttp2Stream } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { Duplex } from 'node:stream';
import { relayStreams, relayWindows } from './port-relay.ts';

/**
 * Runs in the network of a container: each CONNECT on stdin is answered with a connection to that port of it. Ends with its
 * stdin, so that it does not outlive the agent that asks.
 */
const session = performServerHandshake(Duplex.from({ readable: process.stdin, writable: process.stdout }), {
  settings: { initialWindowSize: relayWindows.ofStream, maxConcurrentStreams: relayStreams },
  maxSessionMemory: 256,
});
session.setLocalWindowSize(relayWindows.ofLink);
// Whatever is under way: nobody hears of it any more.
const end = () => process.exit(0);
for (const stream of [process.stdin, process.stdout]) stream.on('close', end).on('error', end);
session.on('error', end).on('close', end);
session.on('stream', (stream, headers) => {
  const port = Number(/:(\d+)$/.exec(headers[':authority'] ?? '')?.[1]);
  stream.on('error', () => undefined); // The socket is told by its close.
  void relay(stream, port);
});

async function relay(stream: ServerHttp2Stream, port: number): Promise<void> {
  const socket = await connectToAny(['127.0.0.1', '::1', ...otherAddresses()], port);
  if (stream.destroyed || stream.closed) return void socket?.destroy();
  if (socket === undefined) return stream.respond({ ':status': 502 }, { endStream: true });
  stream.respond({ ':status': 200 });
  stream.pipe(socket);
  socket.pipe(stream);
  // What breaks on one side breaks on the other; an end is only an end.
  socket.on('error', () => stream.close(constants.NGHTTP2_CONNECT_ERROR));
  stream.on('close', () => {
    if (stream.rstCode === constants.NGHTTP2_NO_ERROR) socket.destroySoon();
    else socket.resetAndDestroy();
  });
}

/** Of what listens on one of them alone. */
function otherAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.filter(({ internal, scopeid }) => !internal && !scopeid).map(({ address }) => address);
}

async function connectToAny(hosts: readonly string[], port: number): Promise<Socket | undefined> {
  for (const host of hosts) {
    const socket = await connectTo(host, port);
    if (socket !== undefined) return socket;
  }
  return undefined;
}

/** Undefined where nothing listens. */
function connectTo(host: string, port: number): Promise<Socket | undefined> {
  const { promise, resolve } = Promise.withResolvers<Socket | undefined>();
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
  socket.once('connect', () => resolve(socket));
  socket.once('error', () => resolve(undefined));
  return promise;
}
