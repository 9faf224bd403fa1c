import { createConnection } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Duplex } from 'node:stream';
import { withDeadline } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import { isOfContainer } from './container-process.ts';
import type { DockerConnection } from './docker-connection.ts';
import { notRunning } from './docker-session-attach.ts';
import { lookAtContainer, type SessionContainer } from './docker-session-container.ts';

const connectMs = 2_000;

export async function dialPort(
  connection: DockerConnection,
  { container, port, signal }: { readonly container: string; readonly port: number; readonly signal: AbortSignal },
): Promise<Duplex> {
  const found = await lookAtContainer(connection, container, signal);
  if (!found.isRunning) throw notRunning(`reach port ${port} of container "${container}"`);
  const isHere = await isOfContainer(found.pid, found.id);
  for (const address of isHere ? directAddresses(found, ownAddresses()) : []) {
    const socket = await connectTo(address, port, signal);
    if (socket !== undefined) return socket;
  }
  throw new AppError('unreachable', `Cannot reach port ${port} of container "${container}": nothing listens there`, {
    next: 'See that the service runs, and on which port.',
  });
}

/** Where this machine reaches a container of its own engine: by a bridge whose other end it has itself. */
export function directAddresses(
  { hasHostNetwork, addresses }: Pick<SessionContainer, 'hasHostNetwork' | 'addresses'>,
  own: ReadonlySet<string>,
): string[] {
  if (hasHostNetwork) return ['127.0.0.1', '::1'];
  return addresses.filter(({ gateway }) => own.has(gateway)).map(({ address }) => address);
}

function ownAddresses(): ReadonlySet<string> {
  return new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)));
}

/** Undefined where nothing answers. */
async function connectTo(host: string, port: number, signal: AbortSignal): Promise<Duplex | undefined> {
  const limited = withDeadline(connectMs, signal);
  const socket = createConnection({ host, port, allowHalfOpen: true });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const giveUp = () => resolve(false);
  socket.once('connect', () => resolve(true));
  socket.on('error', giveUp); // Also a late one, which its reader is told of.
  limited.addEventListener('abort', giveUp, { once: true });
  const isOpen = await promise;
  limited.removeEventListener('abort', giveUp);
  if (isOpen) return socket;
  socket.destroy();
  signal.throwIfAborted();
  return undefined;
}
