import { PassThrough } from 'node:stream';
import { sessionLimits } from '../contracts/session-wire.ts';
import type { LoggedBytes } from '../session/byte-log.ts';
import type { OpenedSource } from '../session/session-desk.ts';
import type { OpenSpec, SourcePlace } from './session-sources.ts';
import { asOutput, readOnlySource, takesNothing, writeTo } from './source-parts.ts';
import { existingContainerOf } from './workspace-container.ts';

/** A tar of a file or folder, also of a container that does not run. */
export async function openCopyOut(
  { workspace, path }: OpenSpec<'copy-out'>,
  place: SourcePlace,
  signal: AbortSignal,
): Promise<OpenedSource> {
  const { name } = existingContainerOf(await place.look(signal), workspace);
  const ending = new AbortController();
  const tar = place.sessions.readFiles(name, path, ending.signal);
  return { source: readOnlySource(asOutput(tar), ending), isTerminal: false, readsOn: false };
}

/** It ends once all is unpacked. */
export async function openCopyIn(
  { workspace, path }: OpenSpec<'copy-in'>,
  place: SourcePlace,
  signal: AbortSignal,
): Promise<OpenedSource> {
  const { name } = existingContainerOf(await place.look(signal), workspace);
  const ending = new AbortController();
  const tar = new PassThrough();
  tar.on('error', () => undefined); // Whoever reads it is told.
  const writing = place.sessions.writeFiles(name, path, tar, ending.signal).finally(() => tar.destroy());
  writing.catch(() => undefined);
  return {
    source: {
      ...takesNothing,
      output: nothingUntil(writing),
      write: (bytes) => writeTo(tar, bytes),
      endInput: async () => void tar.end(),
      exit: async () => undefined,
      close: () => {
        ending.abort();
        tar.destroy();
      },
    },
    isTerminal: false,
    readsOn: false,
    windowBytes: sessionLimits.copyWindowBytes,
  };
}

async function* nothingUntil(done: Promise<void>): AsyncGenerator<LoggedBytes> {
  await done;
  yield* [];
}
