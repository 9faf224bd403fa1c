import type { Duplex } from 'node:stream';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import type { LoggedBytes } from '../session/byte-log.ts';
import type { OpenedSource } from '../session/session-desk.ts';
import type { OpenSpec, SourcePlace } from './session-sources.ts';
import { recentMs } from './shared-look.ts';
import { asOutput, takesNothing, writeTo } from './source-parts.ts';
import { containerOf, runningContainerOf } from './workspace-container.ts';

export async function openProxy(
  { workspace, port }: OpenSpec<'proxy'>,
  place: SourcePlace,
  signal: AbortSignal,
): Promise<OpenedSource> {
  const { name } = await runningContainer(workspace, place, signal);
  const connection = await place.sessions.dial(name, port, signal);
  connection.on('error', () => undefined); // Its reader is told; without a listener a late one would end the process.
  return {
    source: {
      ...takesNothing,
      output: received(connection, `port ${port} of workspace "${workspace}"`),
      write: (bytes) => writeTo(connection, bytes),
      endInput: async () => void connection.end(),
      exit: async () => undefined,
      close: () => connection.destroy(),
    },
    isTerminal: false,
    readsOn: false,
  };
}

/** A page opens many connections at once; only what serves in the name of its workspace is sure to be the same a moment later. */
async function runningContainer(
  workspace: string,
  place: SourcePlace,
  signal: AbortSignal,
): Promise<Pick<ObservedContainer, 'name'>> {
  const recent = await place.look(signal, recentMs).catch(() => undefined);
  const found = recent && containerOf(recent, workspace);
  if (found?.status === 'running' && found.name === workspace) return found;
  return runningContainerOf(await place.look(signal), workspace);
}

async function* received(connection: Duplex, what: string): AsyncGenerator<LoggedBytes> {
  try {
    yield* asOutput(connection as AsyncIterable<Uint8Array>);
  } catch (cause) {
    if (isAppError(cause)) throw cause;
    throw new AppError('unreachable', `Cannot stay connected to ${what}: it broke the connection`, { cause });
  }
}
