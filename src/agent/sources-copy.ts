import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '../contracts/errors.ts';
import { sessionLimits } from '../contracts/session-wire.ts';
import type { LoggedBytes } from '../session/byte-log.ts';
import type { OpenedSource } from '../session/session-desk.ts';
import type { OpenSpec, SourcePlace } from './session-sources.ts';
import { asOutput, readOnlySource, takesNothing } from './source-parts.ts';
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

/**
 * It ends once all is unpacked, which begins when all of it came: an engine lets nobody else at a container that it unpacks in, and leaves
 * a part of what is cut.
 */
export async function openCopyIn(
  { workspace, path }: OpenSpec<'copy-in'>,
  place: SourcePlace,
  signal: AbortSignal,
): Promise<OpenedSource> {
  const { name } = existingContainerOf(await place.look(signal), workspace);
  const ending = new AbortController();
  const whole = Promise.withResolvers<void>();
  const file = await unnamedFile().catch((cause: unknown) => {
    throw notKept(path, cause);
  });
  const writing = whole.promise
    .then(() =>
      place.sessions.writeFiles(name, path, file.createReadStream({ start: 0, autoClose: false }), ending.signal),
    )
    .finally(() => file.close());
  writing.catch(() => undefined); // The same is raised by its output.
  return {
    source: {
      ...takesNothing,
      output: nothingUntil(writing),
      write: (bytes) => file.appendFile(bytes).catch((cause) => whole.reject(notKept(path, cause))),
      endInput: async () => whole.resolve(),
      exit: async () => undefined,
      close: () => {
        ending.abort();
        whole.reject(ending.signal.reason);
      },
    },
    isTerminal: false,
    readsOn: false,
    windowBytes: sessionLimits.copyWindowBytes,
  };
}

/** It is gone with whoever has it open. */
async function unnamedFile(): Promise<FileHandle> {
  const path = join(tmpdir(), `agora-copy-${randomBytes(8).toString('hex')}`);
  const file = await open(path, 'wx+', 0o600);
  await rm(path);
  return file;
}

function notKept(path: string, cause: unknown): AppError {
  return new AppError('limit-exceeded', `Cannot copy to "${path}": the host cannot keep it in ${tmpdir()} first`, {
    cause,
    next: 'Free some space there.',
  });
}

async function* nothingUntil(done: Promise<void>): AsyncGenerator<LoggedBytes> {
  await done;
  yield* [];
}
