import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Pack } from 'tar-stream';
import { streamTar } from '../base/tar-writer.ts';
import { AppError } from '../contracts/errors.ts';
import { type ContextEntries, type ContextEntry, reading } from './context-entries.ts';

type Header = Parameters<Pack['entry']>[0];

interface ReadFile extends Pick<Extract<ContextEntry, { kind: 'file' }>, 'path' | 'sizeBytes'> {
  readonly folder: string;
}

/** Smaller ones are read at once and by no other thread: of a hundred thousand that takes a sixth of the time. */
const smallBytes = 256 * 1024;

/**
 * What a folder has as a tar that is the same for the same content: without owners, times and permissions but for what may be
 * executed.
 */
export async function* contextTar(
  folder: string,
  { entries }: Pick<ContextEntries, 'entries'>,
): AsyncGenerator<Uint8Array> {
  yield* streamTar(async (tar) => {
    for (const entry of entries) {
      const common = { name: entry.path, mtime: new Date(0), uid: 0, gid: 0 };
      if (entry.kind === 'folder') tar.entry({ ...common, type: 'directory', mode: 0o755 });
      else if (entry.kind === 'link') tar.entry({ ...common, type: 'symlink', linkname: entry.target, mode: 0o777 });
      else {
        const header = { ...common, size: entry.sizeBytes, mode: entry.isExecutable ? 0o755 : 0o644 };
        await addFile(tar, header, { folder, ...entry });
      }
    }
  });
}

async function addFile(tar: Pack, header: Header, file: ReadFile): Promise<void> {
  const { folder, path, sizeBytes } = file;
  if (sizeBytes > smallBytes) {
    await pipeline(contentOf(file), tar.entry(header));
    return;
  }
  const content = sizeBytes === 0 ? Buffer.alloc(0) : await reading(path, () => readFileSync(join(folder, path)));
  if (content.length < sizeBytes) throw becameShorter(path);
  const { promise: taken, resolve, reject } = Promise.withResolvers<void>();
  tar.entry(header, content.subarray(0, sizeBytes), (error) => (error ? reject(error) : resolve()));
  await taken;
}

/** Fails in words of our own: those of the tar would be what the reader gets. */
async function* contentOf({ folder, path, sizeBytes }: ReadFile): AsyncGenerator<Uint8Array> {
  // What is added to it meanwhile is not read: its size was said before.
  const file = createReadStream(join(folder, path), { end: sizeBytes - 1 });
  const chunks: AsyncIterator<Buffer> = file[Symbol.asyncIterator]();
  let leftBytes = sizeBytes;
  try {
    for (
      let next = await reading(path, () => chunks.next());
      next.done !== true;
      next = await reading(path, () => chunks.next())
    ) {
      leftBytes -= next.value.length;
      yield next.value;
    }
  } finally {
    file.destroy();
  }
  if (leftBytes > 0) throw becameShorter(path);
}

function becameShorter(path: string): AppError {
  return new AppError('not-ready', `Cannot read "${path}" of the build context: it became shorter meanwhile`, {
    next: 'Apply again.',
  });
}
