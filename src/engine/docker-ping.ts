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
  const alive = aliveSignal(connection, signal);
  try {
    return await call(alive.signal);
  } finally {
    await alive.end();
  }
}

export interface AliveSignal {
  /** Aborts with the caller's signal, and with `unreachable` once the engine answers no ping any more. */
  readonly signal: AbortSignal;
  /** Asks no longer. */
  end(): Promise<void>;
}

export function aliveSignal(connection: DockerConnection, caller?: AbortSignal): AliveSignal {
  const silence = new AbortController();
  const ended = new AbortController();
  const pulse = keepAsking(connection, ended.signal).catch((error: unknown) => silence.abort(error));
  return {
    signal: caller === undefined ? silence.signal : AbortSignal.any([caller, silence.signal]),
    async end() {
      ended.abort();
      await pulse;
    },
  };
}

async function keepAsking(connection: DockerConnection, signal: AbortSignal): Promise<never> {
  for (;;) {
    await sleep(connection.answerMs, signal);
    await ping(connection, signal);
  }
}
