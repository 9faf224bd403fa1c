import { request } from 'node:http';
import { join } from 'node:path';
import { withDeadline } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import type { SshConnection } from './ssh-connection.ts';

/** Through a line and a far engine, both slow. */
const answerMs = 20_000;

/**
 * A private local socket that leads to a socket of the target. Undefined where the target forwards none, or nothing
 * answers through it.
 */
export async function forwarding(
  connection: SshConnection,
  socket: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const path = join(connection.folder, 'engine');
  try {
    await connection.forward(path, socket, signal);
  } catch (error) {
    if (!isAppError(error)) throw error;
    signal.throwIfAborted();
    return undefined;
  }
  const answers = await hasEngine(path, signal);
  signal.throwIfAborted();
  return answers ? path : undefined;
}

/** Whether an engine answers at a local socket. */
export function hasEngine(socketPath: string, caller: AbortSignal): Promise<boolean> {
  const signal = withDeadline(answerMs, caller);
  return new Promise((resolve) => {
    const asking = request({ socketPath, path: '/_ping', signal, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asking.on('error', () => resolve(false));
    asking.end();
  });
}
