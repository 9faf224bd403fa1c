import { Readable, type Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { ContainerInspectInfo } from 'dockerode';
import { isAppError } from '../contracts/errors.ts';
import type { DockerConnection } from './docker-connection.ts';
import { engineError, httpStatus } from './docker-errors.ts';
import { dockerCreateOptions } from './docker-spec.ts';
import { demultiplex } from './docker-stream.ts';
import type { ByteStream, ContainerState, EngineContainers, EngineLogChunk } from './engine.ts';

export function containerCalls(connection: DockerConnection): EngineContainers {
  return {
    async createContainer(spec, signal) {
      const call = { action: `create container "${spec.name}"`, signal, missing: 'image-missing' } as const;
      // Query and body apart: given flat, the client writes the whole body into the address as well.
      const request = { _query: { name: spec.name }, _body: dockerCreateOptions(spec), ...abortable(signal) };
      return (await connection.call(call, (docker) => docker.createContainer(request))).id;
    },
    async startContainer(reference, signal) {
      await unlessAlreadySo(
        connection.call({ action: `start container "${reference}"`, signal }, (docker) =>
          docker.getContainer(reference).start(abortable(signal)),
        ),
      );
    },
    async inspectContainer(reference, signal) {
      try {
        const call = { action: `look at container "${reference}"`, signal };
        return stateOf(
          await connection.call(call, (docker) => docker.getContainer(reference).inspect(abortable(signal))),
        );
      } catch (error) {
        if (isAppError(error, 'not-found')) return undefined;
        throw error;
      }
    },
    async listContainers(labels) {
      const filters = JSON.stringify({ label: Object.entries(labels).map(([name, value]) => `${name}=${value}`) });
      const found = await connection.call({ action: 'list containers' }, (docker) =>
        docker.listContainers({ all: true, filters }),
      );
      return found.map((one) => ({ id: one.Id, imageId: one.ImageID, labels: one.Labels }));
    },
    async waitContainer(reference, signal) {
      const answer: unknown = await connection.call({ action: `wait for container "${reference}"`, signal }, (docker) =>
        docker.getContainer(reference).wait(abortable(signal)),
      );
      return typeof answer === 'object' && answer !== null && 'StatusCode' in answer
        ? Number(answer.StatusCode)
        : Number.NaN;
    },
    async stopContainer(reference, graceMs) {
      const stopped = unlessAlreadySo(
        connection.call({ action: `stop container "${reference}"` }, (docker) =>
          docker.getContainer(reference).stop({ t: Math.ceil(graceMs / 1000) }),
        ),
      );
      await unlessGone(stopped);
    },
    async removeContainer(reference) {
      await unlessGone(
        connection.call({ action: `remove container "${reference}"` }, (docker) =>
          docker.getContainer(reference).remove({ force: true, v: true }),
        ),
      );
    },
    async putArchive(reference, path, tar, signal) {
      await connection.call({ action: `hand files to container "${reference}"`, signal }, (docker) =>
        docker.getContainer(reference).putArchive(Readable.from(tar), { path, ...abortable(signal) }),
      );
    },
    getArchive: (reference, path) => getArchive(connection, reference, path),
    async writeStdin(reference, bytes, signal) {
      // An empty body: the engine would take one as the first bytes of stdin.
      const request = { _query: { stream: 1, stdin: 1 }, _body: {}, hijack: true, stdin: true, ...abortable(signal) };
      await connection.call({ action: `write to container "${reference}"`, signal }, async (docker) => {
        const stdin: Writable = (await docker.getContainer(reference).attach(request)) as unknown as Writable;
        stdin.on('error', () => undefined); // `finished` reports it; without a listener a late one would end the process.
        stdin.end(bytes);
        await finished(stdin, { readable: false });
      });
    },
    logs: (reference, options) => logs(connection, reference, options),
  };
}

async function* getArchive(connection: DockerConnection, reference: string, path: string): AsyncGenerator<Uint8Array> {
  const call = { action: `take files from container "${reference}"` };
  const stream = await connection.call(call, (docker) => docker.getContainer(reference).getArchive({ path }));
  yield* guarded(connection, call.action, stream as unknown as ByteStream);
}

async function* logs(
  connection: DockerConnection,
  reference: string,
  { follow, signal }: Parameters<EngineContainers['logs']>[1],
): AsyncGenerator<EngineLogChunk> {
  const call = { action: `read the log of container "${reference}"`, signal };
  // `follow` outside the query makes the client stream the answer instead of collecting it.
  const request = {
    _query: { stdout: 1, stderr: 1, follow: follow ? 1 : 0 },
    follow: true as const,
    ...abortable(signal),
  };
  const stream = await connection.call(call, (docker) => docker.getContainer(reference).logs(request));
  yield* demultiplex(guarded(connection, call.action, stream as unknown as ByteStream, signal));
}

async function* guarded(
  { address }: DockerConnection,
  action: string,
  stream: ByteStream,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    throw engineError(error, { action, address, signal });
  }
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

function abortable(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
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

async function unlessGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isAppError(error, 'not-found')) throw error;
  }
}
