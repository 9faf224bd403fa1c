import { text } from 'node:stream/consumers';
import { sleep } from '../base/deadline.ts';
import type { DockerConnection } from './docker-connection.ts';
import { dial } from './docker-dial.ts';

export async function ping(connection: DockerConnection, signal?: AbortSignal): Promise<void> {
  await connection.call({ action: 'reach the engine', signal }, async (docker, deadline) =>
    text(await dial(docker, { path: '/_ping', method: 'GET' }, deadline.signal)),
  );
}

/**
 * Runs a call that may take as long as it likes, while the engine shows that it is alive: one that hangs breaks no
 * connection.
 */
export async function whileAlive<T>(
  connection: DockerConnection,
  signal: AbortSignal | undefined,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const silence = new AbortController();
  const ended = new AbortController();
  const pulse = keepAsking(connection, ended.signal).catch((error: unknown) => silence.abort(error));
  try {
    return await call(signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]));
  } finally {
    ended.abort();
    await pulse;
  }
}

async function keepAsking(connection: DockerConnection, signal: AbortSignal): Promise<never> {
  for (;;) {
    await sleep(connection.answerMs, signal);
    await ping(connection, signal);
  }
}
