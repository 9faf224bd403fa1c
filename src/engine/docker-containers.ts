import type { ContainerInspectInfo } from 'dockerode';
import { isAppError } from '../contracts/errors.ts';
import type { DockerConnection } from './docker-connection.ts';
import { httpStatus, orUndefined } from './docker-errors.ts';
import { dockerCreateOptions } from './docker-spec.ts';
import type { ContainerSpec, ContainerState, ContainerSummary, EngineContainers } from './engine.ts';

/** Making, starting, stopping and removing take an engine under load longer than looking at something. */
const slowFactor = 2;

export function containerCalls(connection: DockerConnection): EngineContainers {
  return {
    createContainer: (spec, signal) => create(connection, spec, signal),
    startContainer: (reference, signal) => start(connection, reference, signal),
    inspectContainer: (reference, signal) => inspect(connection, reference, signal),
    listContainers: (labels) => list(connection, labels),
    stopContainer: (reference, graceMs) => stop(connection, reference, graceMs),
    removeContainer: (reference) => remove(connection, reference),
  };
}

async function create(connection: DockerConnection, spec: ContainerSpec, signal?: AbortSignal): Promise<string> {
  const answerMs = connection.answerMs * slowFactor;
  const call = { action: `create container "${spec.name}"`, signal, answerMs, missing: 'image-missing' } as const;
  // Query and body apart: given flat, the client writes the whole body into the address as well.
  const request = { _query: { name: spec.name }, _body: dockerCreateOptions(spec) };
  const created = await connection.call(call, (docker, { signal: abortSignal }) =>
    docker.createContainer({ ...request, abortSignal }),
  );
  return created.id;
}

async function start(connection: DockerConnection, reference: string, signal?: AbortSignal): Promise<void> {
  const answerMs = connection.answerMs * slowFactor;
  await unlessAlreadySo(
    connection.call({ action: `start container "${reference}"`, signal, answerMs }, (docker, { signal: abortSignal }) =>
      docker.getContainer(reference).start({ abortSignal }),
    ),
  );
}

async function inspect(
  connection: DockerConnection,
  reference: string,
  signal?: AbortSignal,
): Promise<ContainerState | undefined> {
  const found = await orUndefined(
    connection.call({ action: `look at container "${reference}"`, signal }, (docker, { signal: abortSignal }) =>
      docker.getContainer(reference).inspect({ abortSignal }),
    ),
  );
  return found && stateOf(found);
}

async function list(
  connection: DockerConnection,
  labels: Readonly<Record<string, string>>,
): Promise<ContainerSummary[]> {
  const filters = JSON.stringify({ label: Object.entries(labels).map(([name, value]) => `${name}=${value}`) });
  const found = await connection.call({ action: 'list containers' }, (docker, { signal: abortSignal }) =>
    docker.listContainers({ all: true, filters, abortSignal }),
  );
  return found.map((one) => ({ id: one.Id, imageId: one.ImageID, labels: one.Labels }));
}

async function stop(connection: DockerConnection, reference: string, graceMs: number): Promise<void> {
  const call = { action: `stop container "${reference}"`, answerMs: graceMs + connection.answerMs };
  const stopped = connection.call(call, (docker, { signal: abortSignal }) =>
    docker.getContainer(reference).stop({ t: Math.ceil(graceMs / 1000), abortSignal }),
  );
  await orUndefined(unlessAlreadySo(stopped));
}

async function remove(connection: DockerConnection, reference: string): Promise<void> {
  const call = { action: `remove container "${reference}"`, answerMs: connection.answerMs * slowFactor };
  await orUndefined(
    connection.call(call, (docker, { signal: abortSignal }) =>
      docker.getContainer(reference).remove({ force: true, v: true, abortSignal }),
    ),
  );
}

function stateOf(found: ContainerInspectInfo): ContainerState {
  return {
    id: found.Id,
    imageId: found.Image,
    labels: found.Config.Labels ?? {},
    status: found.State.Status as ContainerState['status'],
    exitCode: found.State.ExitCode,
    isOutOfMemory: found.State.OOMKilled,
    error: found.State.Error,
  };
}

/** The engine answers 304 when a container already runs, or already does not. */
async function unlessAlreadySo(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (isAppError(error) && httpStatus(error.cause) === 304) return;
    throw error;
  }
}
