import type { DockerConnection } from './docker-connection.ts';
import { lookAtContainer } from './docker-session-container.ts';
import { sessionBytes } from './docker-session-program.ts';
import type { HostLogRequest, SessionBytes } from './host-sessions.ts';

export async function* readContainerLog(
  connection: DockerConnection,
  container: string,
  { follow, since, tail, timestamps, signal }: HostLogRequest,
): AsyncGenerator<SessionBytes> {
  const { isTerminal, id } = await lookAtContainer(connection, container, signal);
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
  yield* sessionBytes(bytes, isTerminal);
}
