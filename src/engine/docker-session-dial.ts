import { createConnection } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Duplex } from 'node:stream';
import { withDeadline } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import { isOfContainer } from './container-process.ts';
import type { DockerConnection } from './docker-connection.ts';
import { lookAtContainer, notRunning, type SessionContainer } from './docker-session-container.ts';
import type { PortRelays } from './docker-session-relays.ts';

const connectMs = 2_000;

export interface DialSettings {
  readonly connection: DockerConnection;
  readonly relays: PortRelays;
  /** Whether we are in a container, from which the bridges of others are not to be reached. */
  readonly isContainer: boolean;
}

export interface DialRequest {
  readonly container: string;
  readonly port: number;
  readonly signal: AbortSignal;
}

/**
 * Over the container's bridge where this machine has its other end. Else from within the container's network, which also reaches what
 * listens on its loopback alone. `unreachable` where nothing listens.
 */
export async function dialPort(
  { connection, relays, isContainer }: DialSettings,
  { container, port, signal }: DialRequest,
): Promise<Duplex> {
  const action = `reach port ${port} of container "${container}"`;
  const found = await lookAtContainer(connection, container, signal);
  if (!found.isRunning) throw notRunning(action);
  const isNear = !isContainer && (await isOfContainer(found.pid, found));
  for (const address of isNear ? directAddresses(found, ownAddresses()) : []) {
    const socket = await connectTo(address, port, signal);
    if (socket !== undefined) return socket;
  }
  if (await relays.leadsTo(found)) {
    const stream = await relays.dial(found, port, signal);
    if (stream !== undefined) return stream;
    throw unreachable(action, 'nothing listens there', 'See that the service runs, and on which port.');
  }
  if (isNear) throw unreachable(action, 'nothing listens there', notRoot);
  throw unreachable(action, 'the agent is not on the machine of its engine', 'Run an agent on that machine.');
}

const notRoot =
  'See that the service runs, and that it listens on 0.0.0.0: what the loopback of the container alone has, only an agent that is root reaches.';

function unreachable(action: string, state: string, next: string): AppError {
  return new AppError('unreachable', `Cannot ${action}: ${state}`, { next });
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
  const socket = createConnection({ host, port, allowHalfOpen: true, noDelay: true });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const giveUp = () => resolve(false);
  socket.once('connect', () => resolve(true));
  socket.on('error', giveUp); // Also a late one, which its reader is told of.
  limited.addEventListener('abort', giveUp, { once: true });
  if (limited.aborted) giveUp();
  const isOpen = await promise;
  limited.removeEventListener('abort', giveUp);
  if (isOpen) return socket;
  socket.destroy();
  signal.throwIfAborted();
  return undefined;
}
