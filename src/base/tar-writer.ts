import { type Pack, pack } from 'tar-stream';

/** The bytes of a tar while it is written. What `write` throws is what the reader gets. */
export async function* streamTar(write: (tar: Pack) => Promise<void>): AsyncGenerator<Uint8Array> {
  const tar = pack();
  const written = write(tar).then(
    () => tar.finalize(),
    (error: unknown) => tar.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  try {
    yield* tar as AsyncIterable<Uint8Array>;
    await written;
  } finally {
    tar.destroy();
  }
}
