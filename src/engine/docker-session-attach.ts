import { withDeadline } from '../base/deadline.ts';
import type { DockerConnection } from './docker-connection.ts';
import { hijack } from './docker-hijack.ts';
import { lookAtContainer, notRunning, ofRunning } from './docker-session-container.ts';
import { beginProgram } from './docker-session-program.ts';
import type { AttachRequest, EngineProgram, SessionExit, SessionSize } from './host-sessions.ts';
import { signalNamed } from './signal-name.ts';

/**
 * A terminal's viewer leaves by other means than the engine's own keys. These bytes are in no text of UTF-8, so nobody types
 * them, and the engine holds none of what is typed back to see whether it becomes them.
 */
const detachKeys = ['%FE', '%FF', '%FE', '%FF', '%FE', '%FF', '%FE', '%FF'].join(',');

/** How long after the streams the engine may tell of the end. */
const exitMs = 2_000;

/** Attaches to the main program of a container that runs; `task-conflict` for one that does not. */
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
  const nextExit = new NextExit(connection, id);
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
      return found.isRunning ? await nextExit.soon() : { code: found.exitCode };
    },
    hangUp: () => nextExit.close(),
  };
  return await beginProgram(stream, ways, { terminal, signal });
}

/** Waits for the next exit of a main program from the start: asked later, the engine may have started it again. */
class NextExit {
  readonly #closing = new AbortController();
  readonly #exit: Promise<SessionExit | undefined>;

  constructor(connection: DockerConnection, id: string) {
    const call = { action: 'wait for the end of a container', answerMs: Number.POSITIVE_INFINITY };
    this.#exit = connection
      .call({ ...call, signal: this.#closing.signal }, async (docker, { signal: abortSignal }) => {
        const { StatusCode: code } = await docker.getContainer(id).wait({ condition: 'next-exit', abortSignal });
        return typeof code === 'number' ? { code } : undefined;
      })
      .catch(() => undefined); // An engine that went away does not know.
  }

  /** Undefined where the program goes on. */
  async soon(): Promise<SessionExit | undefined> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    withDeadline(exitMs).addEventListener('abort', () => resolve(undefined), { once: true });
    return await Promise.race([this.#exit, promise]);
  }

  close(): void {
    this.#closing.abort();
  }
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
