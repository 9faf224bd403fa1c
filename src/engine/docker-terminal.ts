import type { Duplex } from 'node:stream';
import { retry } from '../base/retry.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { DockerConnection } from './docker-connection.ts';
import { httpStatus, orUndefined } from './docker-errors.ts';
import type { EngineTerminal, TerminalSpec } from './engine.ts';

/** Up to three seconds. */
const patience = { attempts: 7, delayMs: 50 };

export interface TerminalRequest {
  readonly reference: string;
  readonly spec: TerminalSpec;
  readonly signal: AbortSignal | undefined;
}

/** A program on a terminal of a running container. Its connection carries its input and output as they are. */
export async function openTerminal(
  connection: DockerConnection,
  { reference, spec, signal }: TerminalRequest,
): Promise<EngineTerminal> {
  const action = `open a terminal in container "${reference}"`;
  const id = await connection.call({ action, signal }, async (docker, { signal: abortSignal }) => {
    const exec = await docker.getContainer(reference).exec({
      Cmd: [...spec.command],
      User: spec.user,
      WorkingDir: spec.folder,
      Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
      Tty: true,
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      abortSignal,
    });
    return exec.id;
  });
  const resize = (columns: number, rows: number) => resizeTerminal(connection, id, { size: { w: columns, h: rows } });
  // Not with the call's signal: the terminal stays open when the call is over.
  const stream = await connection.call({ action, signal }, (docker) =>
    docker.getExec(id).start({ hijack: true, stdin: true, Tty: true }),
  );
  stream.on('error', () => undefined); // Its reader is told; without a listener a late one would end the process.
  try {
    await resize(spec.columns, spec.rows);
  } catch (error) {
    stream.destroy();
    throw error;
  }
  return {
    output: stream,
    write: (bytes) => write(stream, bytes),
    resize,
    exitCode: () => exitCodeOf(connection, id),
    close: () => stream.destroy(),
  };
}

interface Resize {
  readonly size: { readonly w: number; readonly h: number };
  readonly signal?: AbortSignal | undefined;
}

/** The engine refuses for as long as the program is being started; that it has ended is fine. */
export async function resizeTerminal(
  connection: DockerConnection,
  id: string,
  { size, signal }: Resize,
): Promise<void> {
  const resize = () =>
    connection.call({ action: 'resize a terminal', signal }, async (docker, { signal: abortSignal }) => {
      try {
        await docker.getExec(id).resize({ ...size, abortSignal });
      } catch (error) {
        // Podman's way to say yes, which the client does not know.
        if (httpStatus(error) !== 201) throw error;
      }
    });
  const unlessEnded = async (error: unknown) => {
    if (isAway(error) || (await lookAt(connection, id))?.Running === true) throw error;
  };
  const isRetryable = (error: unknown) => !isAway(error);
  const limits = { ...patience, isRetryable, ...(signal !== undefined && { signal }) };
  await retry(() => resize().catch(unlessEnded), limits);
}

/** An engine that gives no answer has none to the next try either. */
function isAway(error: unknown): boolean {
  return isAppError(error, 'unreachable');
}

/** The engine hears of a program's end a moment after its output has ended. */
export async function exitCodeOf(connection: DockerConnection, id: string): Promise<number | undefined> {
  const look = async () => {
    const found = await lookAt(connection, id);
    if (found?.Running === true) throw stillRunning();
    return found?.ExitCode ?? undefined;
  };
  return retry(look, { ...patience, isRetryable: (error) => isAppError(error, 'not-ready') });
}

function stillRunning(): AppError {
  return new AppError('not-ready', 'Cannot say how a terminal ended: the connection to it broke, and its program runs');
}

function lookAt(connection: DockerConnection, id: string) {
  return orUndefined(
    connection.call({ action: 'ask how a terminal ended' }, (docker, { signal: abortSignal }) =>
      docker.getExec(id).inspect({ abortSignal }),
    ),
  );
}

export function write(stream: Duplex, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
