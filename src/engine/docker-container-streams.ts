import { type Duplex, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import type Dockerode from 'dockerode';
import * as z from 'zod';
import type { DockerConnection } from './docker-connection.ts';
import { dial } from './docker-dial.ts';
import { whileAlive } from './docker-ping.ts';
import { demultiplex } from './docker-stream.ts';
import { openTerminal } from './docker-terminal.ts';
import type { ByteStream, EngineContainerStreams, EngineLogChunk, EngineLogOptions } from './engine.ts';

const waitAnswerSchema = z.object({ StatusCode: z.int() });

export function containerStreams(connection: DockerConnection): EngineContainerStreams {
  return {
    waitContainer: (reference, signal) =>
      whileAlive(connection, signal, (alive) => waitForExit(connection, reference, alive)),
    putArchive: (reference, path, tar, signal) => putArchive(connection, { reference, path, tar, signal }),
    getArchive: (reference, path) =>
      connection.stream({ action: `take files from container "${reference}"` }, (docker, { signal: abortSignal }) =>
        docker.getContainer(reference).getArchive({ path, abortSignal }),
      ),
    writeStdin: (reference, bytes, signal) => writeStdin(connection, { reference, bytes, signal }),
    logs: (reference, options) => logs(connection, reference, options),
    openTerminal: (reference, spec, signal) => openTerminal(connection, { reference, spec, signal }),
  };
}

async function waitForExit(connection: DockerConnection, reference: string, signal: AbortSignal): Promise<number> {
  const call = { action: `wait for container "${reference}"`, signal, answerMs: Number.POSITIVE_INFINITY };
  return connection.call(call, async (docker, deadline) => {
    // As a stream: the client's own `wait` never settles when the engine goes away after it has begun to answer.
    const request = { path: `/containers/${reference}/wait`, method: 'POST' } as const;
    return waitAnswerSchema.parse(JSON.parse(await text(await dial(docker, request, deadline.signal)))).StatusCode;
  });
}

interface ArchiveUpload {
  readonly reference: string;
  readonly path: string;
  readonly tar: ByteStream;
  readonly signal: AbortSignal | undefined;
}

async function putArchive(
  connection: DockerConnection,
  { reference, path, tar, signal }: ArchiveUpload,
): Promise<void> {
  await connection.call({ action: `hand files to container "${reference}"`, signal }, (docker, deadline) => {
    const content = Readable.from(deadline.sending(tar));
    return docker.getContainer(reference).putArchive(content, { path, abortSignal: deadline.signal });
  });
}

interface StdinWrite {
  readonly reference: string;
  readonly bytes: Uint8Array;
  readonly signal: AbortSignal | undefined;
}

async function writeStdin(connection: DockerConnection, { reference, bytes, signal }: StdinWrite): Promise<void> {
  await connection.call({ action: `write to container "${reference}"`, signal }, async (docker, deadline) => {
    const stdin = await attachStdin(docker, reference, deadline.signal);
    stdin.on('error', () => undefined); // `finished` reports it; without a listener a late one would end the process.
    stdin.end(bytes);
    try {
      await finished(stdin, { readable: false, signal: deadline.signal });
    } catch (error) {
      stdin.destroy();
      throw error;
    }
    stdin.resume(); // So that its end is seen and the socket closed.
  });
}

/** The client's own `attach` sends a body that an engine may take for stdin, so this asks with an empty one. */
function attachStdin(docker: Dockerode, reference: string, signal: AbortSignal): Promise<Duplex> {
  const options = { _query: { stream: 1, stdin: 1 } };
  const path = `/containers/${reference}/attach?`;
  return dial(docker, { path, method: 'POST', hijack: true, file: Buffer.alloc(0), options }, signal);
}

function logs(
  connection: DockerConnection,
  reference: string,
  options: EngineLogOptions,
): AsyncIterable<EngineLogChunk> {
  const { follow, signal, timestamps = false } = options;
  // Who follows a log waits for what a worker prints, and it may print nothing.
  const patience = follow ? { answerMs: Number.POSITIVE_INFINITY } : {};
  // `follow` outside the query makes the client stream the answer instead of collecting it.
  const request = { _query: logQuery(options), follow: true as const };
  const bytes = connection.stream(
    { action: `read the log of container "${reference}"`, signal, ...patience },
    (docker, { signal: abortSignal }) => docker.getContainer(reference).logs({ ...request, abortSignal }),
  );
  return demultiplex(bytes, timestamps);
}

function logQuery({ follow, timestamps = false, since, tail, streams }: EngineLogOptions): Record<string, unknown> {
  const has = (stream: EngineLogChunk['stream']) => (streams === undefined || streams.includes(stream) ? 1 : 0);
  return {
    stdout: has('stdout'),
    stderr: has('stderr'),
    follow: follow ? 1 : 0,
    timestamps: timestamps ? 1 : 0,
    // In seconds, as the API counts.
    ...(since !== undefined && { since: (Date.parse(since) / 1000).toFixed(3) }),
    ...(tail !== undefined && { tail }),
  };
}
