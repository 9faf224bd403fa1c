import { connectDocker, type DockerConnectionOptions, type DockerTarget } from './docker-connection.ts';
import { containerStreams } from './docker-container-streams.ts';
import { dockerHostEngine } from './docker-host.ts';
import { attachProgram, killContainer } from './docker-session-attach.ts';
import { dialPort } from './docker-session-dial.ts';
import { execProgram } from './docker-session-exec.ts';
import { readContainerLog } from './docker-session-log.ts';
import { PortRelays } from './docker-session-relays.ts';
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
  const inBackground = (work: Promise<void>) => {
    const told = work
      .catch((error: unknown) => log(error instanceof Error ? error.message : String(error)))
      .finally(() => working.delete(told));
    working.add(told);
  };
  const execSettings = { connection, ways: { engine, ownImage }, inBackground };
  const relays = new PortRelays({ engine, ownImage });
  const dialSettings = { connection, relays, isContainer: ownImage !== undefined };
  return {
    exec: (container, request) => execProgram(execSettings, container, request),
    attach: (container, request) => attachProgram(connection, container, request),
    kill: (container, signal) => killContainer(connection, container, signal),
    readLog: (container, request) => readContainerLog(connection, container, request),
    readFiles: (container, path, signal) =>
      connection.stream(
        { action: `read "${path}" in container "${container}"`, signal },
        (docker, { signal: abortSignal }) => docker.getContainer(container).getArchive({ path, abortSignal }),
      ),
    writeFiles: putArchive,
    dial: (container, port, signal) => dialPort(dialSettings, { container, port, signal }),
    close: async () => {
      await Promise.all(working);
      await relays.close();
    },
  };
}
