import { arrivedLog } from './arrived-log.ts';
import type { DockerConnection } from './docker-connection.ts';
import { isOfPodman } from './docker-host-information.ts';
import { lookAtContainer } from './docker-session-container.ts';
import { sessionBytes } from './docker-session-program.ts';
import type { ByteStream } from './engine.ts';
import type { HostLogRequest, SessionBytes } from './host-sessions.ts';
import { engineTime } from './log-position.ts';
import { TimedLog } from './timed-log.ts';

export async function* readContainerLog(
  connection: DockerConnection,
  container: string,
  { follow, since, tail, timestamps, position, signal }: HostLogRequest,
): AsyncGenerator<SessionBytes> {
  const { isTerminal, id } = await lookAtContainer(connection, container, signal);
  const isUntimed = position !== undefined && isTerminal && (await isOfPodman(connection, signal));
  const from = position?.at ?? since;
  const query = {
    stdout: 1,
    stderr: 1,
    follow: follow ? 1 : 0,
    timestamps: !isUntimed && (timestamps || position !== undefined) ? 1 : 0,
    ...(from !== undefined && { since: engineTime(from) }),
    ...(tail !== undefined && position?.at === undefined && { tail }),
  };
  position?.reopen();
  // Who follows a log waits for what a container prints, and it may print nothing.
  const patience = follow ? { answerMs: Number.POSITIVE_INFINITY } : {};
  // `follow` outside the query makes the client stream the answer instead of collecting it.
  const request = { _query: query, follow: true as const };
  const bytes = connection.stream(
    { action: `read the log of container "${container}"`, signal, ...patience },
    (docker, { signal: abortSignal }) => docker.getContainer(id).logs({ ...request, abortSignal }),
  );
  if (position === undefined) yield* sessionBytes(bytes, isTerminal);
  else if (isUntimed) yield* arrivedLog(sessionBytes(bytes, isTerminal), { showsTimes: timestamps, position });
  else yield* timed(bytes, new TimedLog({ isTerminal, showsTimes: timestamps, position }));
}

async function* timed(bytes: ByteStream, log: TimedLog): AsyncGenerator<SessionBytes> {
  for await (const chunk of bytes) yield* log.take(chunk);
}
