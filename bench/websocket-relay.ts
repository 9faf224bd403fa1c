import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';

/** What a process of a bare relay is: it gives `bytes` to who connects, or passes on what comes from `url`. */
type Role = { readonly kind: 'source'; readonly bytes: number } | { readonly kind: 'relay'; readonly url: string };

const messageBytes = 65_536;
const options = { perMessageDeflate: false };

/** Bytes per second through two processes that do nothing but pass WebSocket messages on: what no relay goes beyond. */
export async function bareRelayRate(bytes: number): Promise<number> {
  const processes: ChildProcess[] = [];
  const start = async (role: Role): Promise<string> => {
    const child = fork(import.meta.filename, ['as-process']);
    processes.push(child);
    const told = once(child, 'message');
    child.send(role);
    const [port] = await told;
    return `ws://127.0.0.1:${port}`;
  };
  try {
    const url = await start({ kind: 'relay', url: await start({ kind: 'source', bytes }) });
    const startedAt = performance.now();
    const socket = new WebSocket(url, options);
    let received = 0;
    socket.on('message', (message: Buffer) => {
      received += message.length;
    });
    await once(socket, 'close');
    if (received !== bytes) throw new Error(`Only ${received} of ${bytes} bytes came through a bare relay`);
    return (bytes * 1_000) / (performance.now() - startedAt);
  } finally {
    for (const child of processes) child.kill();
  }
}

async function play(role: Role): Promise<void> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options });
  server.on('connection', (socket) => {
    if (role.kind === 'source') void pourInto(socket, role.bytes);
    else pass(new WebSocket(role.url, options), socket);
  });
  await once(server, 'listening');
  process.send?.((server.address() as AddressInfo).port); // It listens on TCP.
}

async function pourInto(socket: WebSocket, bytes: number): Promise<void> {
  const message = Buffer.alloc(messageBytes);
  for (let sent = 0; sent < bytes; sent += messageBytes)
    await new Promise((resolve) => socket.send(message.subarray(0, bytes - sent), resolve));
  socket.close();
}

function pass(from: WebSocket, to: WebSocket): void {
  from.on('message', (message: Buffer) => to.send(message));
  from.on('close', () => to.close());
}

if (process.argv[2] === 'as-process') {
  process.once('message', (role: Role) => void play(role));
  process.once('disconnect', () => process.exit());
}
