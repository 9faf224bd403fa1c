import { type Duplex, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import type Dockerode from 'dockerode';
import type { ContainerInspectInfo } from 'dockerode';
import * as z from 'zod';
import { isAppError } from '../contracts/errors.ts';
import type { DockerConnection } from './docker-connection.ts';
import { engineError, httpStatus } from './docker-errors.ts';
import { dockerCreateOptions } from './docker-spec.ts';
import { demultiplex } from './docker-stream.ts';
import type { ByteStream, ContainerState, EngineContainers, EngineLogChunk } from './engine.ts';

const waitAnswerSchema = z.object({ StatusCode: z.int() });

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
      const call = { action: `wait for container "${reference}"`, signal };
      return connection.call(call, async (docker) => {
        // As a stream: the client's own `wait` never settles when the engine goes away after it has begun to answer.
        const answer = await dial(docker, {
          path: `/containers/${reference}/wait`,
          method: 'POST',
          ...abortable(signal),
        });
        return waitAnswerSchema.parse(JSON.parse(await text(answer))).StatusCode;
      });
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
      await connection.call({ action: `write to container "${reference}"`, signal }, async (docker) => {
        const stdin = await attachStdin(docker, reference, signal);
        stdin.on('error', () => undefined); // `finished` reports it; without a listener a late one would end the process.
        stdin.end(bytes);
        await finished(stdin, { readable: false });
        stdin.resume(); // So that its end is seen and the socket closed.
      });
    },
    logs: (reference, options) => logs(connection, reference, options),
  };
}

/** The client's own `attach` sends a body that an engine may take for stdin, so this asks with an empty one. */
function attachStdin(docker: Dockerode, reference: string, signal: AbortSignal | undefined): Promise<Duplex> {
  const options = { _query: { stream: 1, stdin: 1 } };
  const path = `/containers/${reference}/attach?`;
  return dial(docker, { path, method: 'POST', hijack: true, file: Buffer.alloc(0), options, ...abortable(signal) });
}

function dial(docker: Dockerode, request: object): Promise<Duplex> {
  const statusCodes = { 200: true, 404: 'no such container', 500: 'server error' };
  return new Promise((resolve, reject) => {
    docker.modem.dial({ ...request, isStream: true, statusCodes } as never, (error: unknown, stream: unknown) => {
      if (stream instanceof Readable) resolve(stream as Duplex);
      else reject(error);
    });
  });
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
