import { isAppError } from '../contracts/errors.ts';
import type { DockerConnection } from './docker-connection.ts';
import { orUndefined } from './docker-errors.ts';
import type { EngineNetworks } from './engine.ts';

const withoutNeighbours = { 'com.docker.network.bridge.enable_icc': 'false' };

interface NetworkIdentity {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export function networkCalls(connection: DockerConnection): EngineNetworks {
  const running = new Map<string, Promise<string>>();
  return {
    isolatedNetwork(name, labels) {
      const found = running.get(name) ?? ensure(connection, { name, labels }).finally(() => running.delete(name));
      running.set(name, found);
      return found;
    },
  };
}

async function ensure(connection: DockerConnection, wanted: NetworkIdentity): Promise<string> {
  const found = await find(connection, wanted);
  if (found !== undefined) return found;
  const made = await create(connection, wanted);
  // An engine may let two processes at once make two of one name: the first stays, the other is taken away again.
  const first = (await find(connection, wanted)) ?? made;
  if (first !== made) await remove(connection, made);
  return first;
}

async function remove(connection: DockerConnection, id: string): Promise<void> {
  const call = { action: `remove network "${id}"` };
  await orUndefined(
    connection.call(call, (docker, { signal: abortSignal }) => docker.getNetwork(id).remove({ abortSignal })),
  );
}

async function find(connection: DockerConnection, { name, labels }: NetworkIdentity): Promise<string | undefined> {
  const label = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const filters = JSON.stringify({ name: [name], label, driver: ['bridge'] });
  const found = await connection.call({ action: 'list networks' }, (docker, { signal: abortSignal }) =>
    docker.listNetworks({ filters, abortSignal }),
  );
  const isWanted = (one: (typeof found)[number]) =>
    one.Name === name && Object.entries(withoutNeighbours).every(([key, value]) => one.Options?.[key] === value);
  const oldestFirst = found.filter(isWanted).sort((one, other) => (one.Created < other.Created ? -1 : 1));
  return oldestFirst[0]?.Id;
}

async function create(connection: DockerConnection, { name, labels }: NetworkIdentity): Promise<string> {
  const request = {
    Name: name,
    Driver: 'bridge',
    CheckDuplicate: true,
    Labels: { ...labels },
    Options: withoutNeighbours,
  };
  try {
    const made = await connection.call({ action: `create network "${name}"` }, (docker, { signal: abortSignal }) =>
      docker.createNetwork({ ...request, abortSignal }),
    );
    return made.id;
  } catch (error) {
    const other = isAppError(error, 'task-conflict') ? await find(connection, { name, labels }) : undefined;
    if (other === undefined) throw error;
    return other;
  }
}
