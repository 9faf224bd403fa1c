import * as z from 'zod';
import { AppError } from '../contracts/errors.ts';
import type { NetworkSpec, VolumeSpec } from '../contracts/host-spec.ts';
import type { DockerConnection } from './docker-connection.ts';
import { orUndefined } from './docker-errors.ts';
import { isRefusedWith, named } from './docker-host-errors.ts';
import { networkCreateOptions } from './docker-host-spec.ts';
import { ask, tell } from './docker-request.ts';
import type { CreateOptions, HostEngine } from './host-engine.ts';

type ResourceCalls = Pick<
  HostEngine,
  'createNetwork' | 'removeNetwork' | 'connectNetwork' | 'disconnectNetwork' | 'createVolume' | 'removeVolume'
>;

const madeSchema = z.object({ Id: z.string() });
const volumeSchema = z.object({ Labels: z.record(z.string(), z.string()).nullish() });

export function hostResourceCalls(connection: DockerConnection): ResourceCalls {
  return {
    createNetwork: (name, spec, options) => createNetwork(connection, { name, spec, options }),
    removeNetwork: (reference, signal) => remove(connection, { kind: 'network', reference, signal }),
    connectNetwork: (network, container, signal) =>
      setConnected(connection, { network, container, verb: 'connect', signal }),
    disconnectNetwork: (network, container, signal) =>
      setConnected(connection, { network, container, verb: 'disconnect', signal }),
    createVolume: (name, spec, options) => createVolume(connection, { name, spec, options }),
    removeVolume: (reference, signal) => remove(connection, { kind: 'volume', reference, signal }),
  };
}

interface Creation<Spec> {
  readonly name: string;
  readonly spec: Spec;
  readonly options: CreateOptions;
}

async function createNetwork(
  connection: DockerConnection,
  { name, spec, options: { labels, signal } }: Creation<NetworkSpec>,
): Promise<string> {
  const call = { action: `create network "${name}"`, signal };
  const body = networkCreateOptions(name, spec, labels);
  const line = { method: 'POST', path: '/networks/create', body, answer: madeSchema } as const;
  return (await named(ask(connection, call, line))).Id;
}

async function createVolume(
  connection: DockerConnection,
  { name, spec, options: { labels, signal } }: Creation<VolumeSpec>,
): Promise<void> {
  const call = { action: `create volume "${name}"`, signal };
  const wanted = { ...spec.labels, ...labels };
  const body = { Name: name, Driver: spec.driver, DriverOpts: spec.driverOptions, Labels: wanted };
  const line = { method: 'POST', path: '/volumes/create', body, answer: volumeSchema } as const;
  const made = await named(ask(connection, call, line));
  // An engine answers with the one of that name that is there already; one that it has no record of it takes for new.
  if (Object.entries(wanted).every(([label, value]) => made.Labels?.[label] === value)) return;
  throw new AppError('task-conflict', `Cannot create volume "${name}": one of that name is there with other labels`);
}

interface Removal {
  readonly kind: 'network' | 'volume';
  readonly reference: string;
  readonly signal: AbortSignal | undefined;
}

async function remove(connection: DockerConnection, { kind, reference, signal }: Removal): Promise<void> {
  const call = { action: `remove ${kind} "${reference}"`, signal };
  const path = `/${kind}s/${encodeURIComponent(reference)}`;
  await orUndefined(named(tell(connection, call, { method: 'DELETE', path })));
}

interface Connection {
  readonly network: string;
  readonly container: string;
  readonly verb: 'connect' | 'disconnect';
  readonly signal: AbortSignal | undefined;
}

const soAlready = {
  connect: /already exists in network|already connected|is already attached/i,
  disconnect: /is not connected/i,
} as const;

async function setConnected(
  connection: DockerConnection,
  { network, container, verb, signal }: Connection,
): Promise<void> {
  const call = { action: `${verb} container "${container}" and network "${network}"`, signal };
  const path = `/networks/${encodeURIComponent(network)}/${verb}`;
  try {
    await named(tell(connection, call, { method: 'POST', path, body: { Container: container } }));
  } catch (error) {
    if (!isRefusedWith(error, soAlready[verb])) throw error;
  }
}
