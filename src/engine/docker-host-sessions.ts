import { AppError } from '../contracts/errors.ts';
import { connectDocker, type DockerConnectionOptions, type DockerTarget } from './docker-connection.ts';
import { containerStreams } from './docker-container-streams.ts';
import { dockerHostEngine } from './docker-host.ts';
import { attachProgram } from './docker-session-attach.ts';
import { dialPort } from './docker-session-dial.ts';
import { execProgram } from './docker-session-exec.ts';
import { SessionHelpers } from './docker-session-helpers.ts';
import { readContainerLog } from './docker-session-log.ts';
import { PortRelays } from './docker-session-relays.ts';
import { HelperSignals } from './docker-session-signals.ts';
import type { HostSessions } from './host-sessions.ts';

export interface HostSessionsOptions extends DockerConnectionOptions {
  /** Of the container that we are in: processes and networks are then reached through others of it. Default: none. */
  readonly ownImage?: string | undefined;
  /** Gets lines about what is left of sessions that ended. Default: nobody. */
  readonly log?: (line: string) => void;
}

/** Sessions on an engine that speaks the Docker API, over connections of their own. */
export function dockerHostSessions(target: DockerTarget, options: HostSessionsOptions = {}): HostSessions {
  const { ownImage, log = () => {} } = options;
  const connection = connectDocker(target, options);
  const engine = dockerHostEngine(target, options);
  const { putArchive } = containerStreams(connection);
  const working = new Set<Promise<void>>();
  let closing = new AbortController();
  const inBackground = (work: (signal: AbortSignal) => Promise<void>) => {
    const told = work(closing.signal)
      .catch((error: unknown) => log(error instanceof Error ? error.message : String(error)))
      .finally(() => working.delete(told));
    working.add(told);
  };
  const helpers = ownImage === undefined ? undefined : new SessionHelpers({ connection, engine, image: ownImage, log });
  const helperSignals = helpers && new HelperSignals(helpers);
  const execSettings = { connection, ways: { helperSignals }, inBackground };
  const relays = new PortRelays({ helpers });
  const dialSettings = { connection, relays, isContainer: ownImage !== undefined };
  return {
    exec: (container, request) => execProgram(execSettings, container, request),
    attach: (container, request) => attachProgram(connection, container, request),
    readLog: (container, request) => readContainerLog(connection, container, request),
    readFiles: (container, path, signal) =>
      connection.stream(
        { action: `read "${path}" in container "${container}"`, signal },
        (docker, { signal: abortSignal }) => docker.getContainer(container).getArchive({ path, abortSignal }),
      ),
    writeFiles: putArchive,
    dial: (container, port, signal) => dialPort(dialSettings, { container, port, signal }),
    close: async (signal) => {
      const over = Promise.all([endOf(working), relays.close()]);
      await (signal === undefined ? over : Promise.race([over, aborted(signal)]));
      closing.abort(
        new AppError('not-ready', 'Cannot hang up a command that was let go of: its engine gives no answer'),
      );
      closing = new AbortController();
    },
  };
}

/** Also of what begins meanwhile. */
async function endOf(working: ReadonlySet<Promise<void>>): Promise<void> {
  while (working.size > 0) await Promise.all(working);
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
