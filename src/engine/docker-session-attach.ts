import type { DockerConnection } from './docker-connection.ts';
import { hijack } from './docker-hijack.ts';
import { lookAtContainer, notRunning, ofRunning } from './docker-session-container.ts';
import { beginProgram } from './docker-session-program.ts';
import type { AttachRequest, EngineProgram, SessionSize } from './host-sessions.ts';
import { signalNamed } from './signal-name.ts';

/**
 * A terminal's viewer leaves by other means than the engine's own keys. These bytes are in no text of UTF-8, so nobody types
 * them, and the engine holds none of what is typed back to see whether it becomes them.
 */
const detachKeys = ['%FE', '%FF', '%FE', '%FF', '%FE', '%FF', '%FE', '%FF'].join(',');

/** To the main program of a container that runs. */
export async function attachProgram(
  connection: DockerConnection,
  container: string,
  { hasInput, terminal, signal }: AttachRequest,
): Promise<EngineProgram> {
  const { isRunning, isTerminal, id } = await lookAtContainer(connection, container, signal);
  if (!isRunning) throw notRunning(`attach to container "${container}"`);
  const query = `stream=1&stdout=1&stderr=1&stdin=${hasInput ? 1 : 0}&detachKeys=${detachKeys}`;
  const action = `attach to container "${container}"`;
  const call = { action, signal };
  const stream = await ofRunning(hijack(connection, call, { path: `/containers/${id}/attach?${query}`, hasInput }));
  const resize = ({ columns, rows }: SessionSize, abort?: AbortSignal) =>
    connection.call({ action: 'resize a terminal', signal: abort }, (docker, { signal: abortSignal }) =>
      docker.getContainer(id).resize({ w: columns, h: rows, abortSignal }),
    );
  const ways = {
    connection,
    action,
    isTerminal,
    endsInput: false,
    resize,
    // By its id: an update may give its name to another.
    signal: (name: string) => killContainer(connection, { id, container }, name),
    exit: async () => {
      const found = await lookAtContainer(connection, id);
      return found.isRunning ? undefined : { code: found.exitCode };
    },
    hangUp: () => {},
  };
  return await beginProgram(stream, ways, { terminal, signal });
}

interface Named {
  readonly id: string;
  readonly container: string;
}

/** Signals its main program. */
async function killContainer(connection: DockerConnection, { id, container }: Named, name: string): Promise<void> {
  const signal = signalNamed(name);
  const call = { action: `send ${name} to container "${container}"` };
  await ofRunning(
    connection.call(call, (docker, { signal: abortSignal }) => docker.getContainer(id).kill({ signal, abortSignal })),
  );
}
