import type { Duplex } from 'node:stream';
import { AppError, isAppError } from '../contracts/errors.ts';
import {
  connectDocker,
  type DockerConnection,
  type DockerConnectionOptions,
  type DockerTarget,
} from './docker-connection.ts';
import { containerStreams } from './docker-container-streams.ts';
import { dial } from './docker-dial.ts';
import { demultiplex } from './docker-stream.ts';
import { exitCodeOf, resizeTerminal, write } from './docker-terminal.ts';
import type { ByteStream } from './engine.ts';
import type {
  EngineProgram,
  ExecRequest,
  HostLogRequest,
  HostSessions,
  SessionBytes,
  SessionSize,
} from './host-sessions.ts';

/** Who views a session leaves it by keys that are not the engine's: these nobody types. */
const detachKeys = 'ctrl-@,ctrl-@,ctrl-@,ctrl-@';

/** Sessions on an engine that speaks the Docker API, over connections of their own. */
export function dockerHostSessions(target: DockerTarget, options: DockerConnectionOptions = {}): HostSessions {
  const connection = connectDocker(target, options);
  const { putArchive } = containerStreams(connection);
  return {
    exec: (container, request) => exec(connection, container, request),
    attach: (container, request) => attach(connection, container, request),
    kill: (container, signal) =>
      connection.call({ action: `send ${signal} to container "${container}"` }, (docker, { signal: abortSignal }) =>
        docker.getContainer(container).kill({ signal, abortSignal }),
      ),
    readLog: (container, request) => readLog(connection, container, request),
    readFiles: (container, path, signal) =>
      connection.stream(
        { action: `read "${path}" in container "${container}"`, signal },
        (docker, { signal: abortSignal }) => docker.getContainer(container).getArchive({ path, abortSignal }),
      ),
    writeFiles: putArchive,
  };
}

async function exec(
  connection: DockerConnection,
  container: string,
  { command, env, user, workdir, hasInput, terminal }: ExecRequest,
): Promise<EngineProgram> {
  const action = `run "${command[0]}" in container "${container}"`;
  const isTerminal = terminal !== undefined;
  const id = await connection.call({ action }, async (docker, { signal: abortSignal }) => {
    const made = await docker.getContainer(container).exec({
      Cmd: [...command],
      Env: [...env],
      ...(user !== undefined && { User: user }),
      ...(workdir !== undefined && { WorkingDir: workdir }),
      Tty: isTerminal,
      AttachStdin: hasInput,
      AttachStdout: true,
      AttachStderr: true,
      DetachKeys: detachKeys,
      abortSignal,
    });
    return made.id;
  });
  const stream = await connection
    .call({ action }, (docker) => docker.getExec(id).start({ hijack: true, stdin: true, Tty: isTerminal }))
    .catch((error: unknown) => {
      throw isAppError(error, 'internal') ? ofWhatWasAsked(error) : error;
    });
  const resize = (size: SessionSize) => resizeTerminal(connection, id, { w: size.columns, h: size.rows });
  // It may have ended already, which its exit tells.
  if (terminal !== undefined) await resize(terminal).catch(() => undefined);
  return programOf(stream, {
    isTerminal,
    resize: isTerminal ? resize : async () => {},
    exit: async () => {
      const code = await exitCodeOf(connection, id);
      return code === undefined ? undefined : { code };
    },
  });
}

/** Podman tells of a user that is not there as if it had failed itself. */
function ofWhatWasAsked(cause: AppError): AppError {
  return new AppError('invalid-input', cause.message, { cause });
}

async function attach(
  connection: DockerConnection,
  container: string,
  { hasInput, terminal }: Pick<ExecRequest, 'hasInput' | 'terminal'>,
): Promise<EngineProgram> {
  const { isRunning, isTerminal, id } = await lookAt(connection, container);
  if (!isRunning) throw new AppError('task-conflict', `Cannot attach to container "${container}": it does not run`);
  const query = { stream: 1, stdout: 1, stderr: 1, stdin: hasInput ? 1 : 0, detachKeys };
  const path = `/containers/${id}/attach?`;
  const stream = await connection.call({ action: `attach to container "${container}"` }, (docker, { signal }) =>
    dial(docker, { path, method: 'POST', hijack: true, file: Buffer.alloc(0), options: { _query: query } }, signal),
  );
  const resize = ({ columns, rows }: SessionSize) =>
    connection.call({ action: 'resize a terminal' }, (docker, { signal: abortSignal }) =>
      docker.getContainer(id).resize({ w: columns, h: rows, abortSignal }),
    );
  if (isTerminal && terminal !== undefined) await resize(terminal);
  return programOf(stream, {
    isTerminal,
    resize: isTerminal ? resize : async () => {},
    exit: async () => {
      const found = await lookAt(connection, id);
      return found.isRunning ? undefined : { code: found.exitCode };
    },
  });
}

interface ProgramWays {
  readonly isTerminal: boolean;
  readonly resize: EngineProgram['resize'];
  readonly exit: EngineProgram['exit'];
}

function programOf(stream: Duplex, { isTerminal, resize, exit }: ProgramWays): EngineProgram {
  stream.on('error', () => undefined); // Its reader is told; without a listener a late one would end the process.
  const bytes = stream as AsyncIterable<Uint8Array>;
  return {
    output: isTerminal ? asOutput(bytes) : inChannels(bytes),
    write: async (input) => {
      if (stream.writable) await write(stream, input).catch(() => undefined);
    },
    endInput: async () => void stream.end(),
    resize,
    exit,
    close: () => stream.destroy(),
  };
}

async function* readLog(
  connection: DockerConnection,
  container: string,
  { follow, since, tail, timestamps, signal }: HostLogRequest,
): AsyncGenerator<SessionBytes> {
  const { isTerminal, id } = await lookAt(connection, container);
  const query = {
    stdout: 1,
    stderr: 1,
    follow: follow ? 1 : 0,
    timestamps: timestamps ? 1 : 0,
    // In seconds, as the API counts.
    ...(since !== undefined && { since: (Date.parse(since) / 1000).toFixed(3) }),
    ...(tail !== undefined && { tail }),
  };
  // Who follows a log waits for what a container prints, and it may print nothing.
  const patience = follow ? { answerMs: Number.POSITIVE_INFINITY } : {};
  // `follow` outside the query makes the client stream the answer instead of collecting it.
  const request = { _query: query, follow: true as const };
  const bytes = connection.stream(
    { action: `read the log of container "${container}"`, signal, ...patience },
    (docker, { signal: abortSignal }) => docker.getContainer(id).logs({ ...request, abortSignal }),
  );
  yield* isTerminal ? asOutput(bytes) : inChannels(bytes);
}

async function* asOutput(bytes: ByteStream): AsyncGenerator<SessionBytes> {
  for await (const chunk of bytes) yield { channel: 'output', bytes: chunk };
}

async function* inChannels(bytes: ByteStream): AsyncGenerator<SessionBytes> {
  for await (const { stream, bytes: chunk } of demultiplex(bytes))
    yield { channel: stream === 'stderr' ? 'error' : 'output', bytes: chunk };
}

async function lookAt(connection: DockerConnection, container: string) {
  const action = `look at container "${container}"`;
  const found = await connection.call({ action }, (docker, { signal: abortSignal }) =>
    docker.getContainer(container).inspect({ abortSignal }),
  );
  return {
    id: found.Id,
    isRunning: found.State.Running,
    exitCode: found.State.ExitCode,
    isTerminal: found.Config.Tty,
  };
}
