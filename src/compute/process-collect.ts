import { createReadStream } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Pack } from 'tar-stream';
import { streamTar } from '../base/tar-writer.ts';
import { AppError } from '../contracts/errors.ts';

/** Tar of the regular files a supervisor left in its out folder, `limit-exceeded` past `maxBytes`. */
export async function* collectFolder(folder: string, maxBytes: number): AsyncGenerator<Uint8Array> {
  let collected = 0;
  for await (const chunk of streamTar((tar) => addFolder(tar, folder, ''))) {
    collected += chunk.length;
    if (collected > maxBytes) {
      throw new AppError('limit-exceeded', `Cannot collect "${folder}": it holds more than ${maxBytes} bytes`);
    }
    yield chunk;
  }
}

async function addFolder(tar: Pack, root: string, path: string): Promise<void> {
  for (const name of (await readdir(join(root, path))).sort()) {
    const inner = path === '' ? name : `${path}/${name}`;
    const stats = await lstat(join(root, inner));
    if (stats.isDirectory()) {
      tar.entry({ name: inner, type: 'directory', mode: 0o700, mtime: stats.mtime });
      await addFolder(tar, root, inner);
    } else if (stats.isFile()) {
      const entry = tar.entry({ name: inner, mode: 0o600, size: stats.size, mtime: stats.mtime });
      // A streamx stream: it works as Node's, its type does not say so.
      await pipeline(createReadStream(join(root, inner)), entry as unknown as NodeJS.WritableStream);
    }
  }
}
