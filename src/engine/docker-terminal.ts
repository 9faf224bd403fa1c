import type { Duplex } from 'node:stream';
import type { DockerConnection } from './docker-connection.ts';
import { orUndefined } from './docker-errors.ts';
import type { EngineTerminal, TerminalSpec } from './engine.ts';

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
  const resize = (columns: number, rows: number) => resizeTerminal(connection, id, { w: columns, h: rows });
  // Not with the call's signal: the terminal stays open when the call is over.
  const stream = await connection.call({ action, signal }, (docker) =>
    docker.getExec(id).start({ hijack: true, stdin: true, Tty: true }),
  );
  stream.on('error', () => undefined); // Its reader is told; without a listener a late one would end the process.
  await resize(spec.columns, spec.rows);
  return {
    output: stream,
    write: (bytes) => write(stream, bytes),
    resize,
    exitCode: () => exitCodeOf(connection, id),
    close: () => stream.destroy(),
  };
}

/** Fine when the program has just ended. */
async function resizeTerminal(
  connection: DockerConnection,
  id: string,
  size: { readonly w: number; readonly h: number },
): Promise<void> {
  await orUndefined(
    connection.call({ action: 'resize a terminal' }, async (docker, { signal: abortSignal }) => {
      await docker
        .getExec(id)
        .resize({ ...size, abortSignal })
        .catch(() => undefined);
    }),
  );
}

async function exitCodeOf(connection: DockerConnection, id: string): Promise<number | undefined> {
  const found = await orUndefined(
    connection.call({ action: 'ask how a terminal ended' }, (docker, { signal: abortSignal }) =>
      docker.getExec(id).inspect({ abortSignal }),
    ),
  );
  return found?.ExitCode ?? undefined;
}

function write(stream: Duplex, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
