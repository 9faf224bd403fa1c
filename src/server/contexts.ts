import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { diskFullError, syncFolder, temporaryPath } from '../base/atomic-file.ts';
import { sleep } from '../base/deadline.ts';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { AppError } from '../contracts/errors.ts';
import { type Digest, digestSchema } from '../contracts/ids.ts';

const dayMs = 86_400_000;
const pruneEveryMs = 6 * 3_600_000;

/** Build contexts by the digest of their tar. */
export interface Contexts {
  readonly folder: string;
}

/** Who asks may be about to name it: it counts as handed in anew. */
export async function hasContext({ folder }: Contexts, digest: Digest): Promise<boolean> {
  const now = new Date();
  const touched = await undefinedIfMissing(utimes(join(folder, fileOf(digest)), now, now).then(() => true));
  return touched === true;
}

/** Stored whole or not at all; refused when it is not what its digest says. Gives its size in bytes. */
export async function putContext(
  { folder }: Contexts,
  digest: Digest,
  content: AsyncIterable<Uint8Array>,
): Promise<number> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, fileOf(digest));
  const temporary = temporaryPath(path);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      for await (const chunk of content) {
        hash.update(chunk);
        sizeBytes += chunk.length;
        await file.appendFile(chunk); // All of it: `write` may take less when the disk is full.
      }
      await file.sync();
    } finally {
      await file.close();
    }
    const found = `sha256:${hash.digest('hex')}`;
    if (found !== digest)
      throw new AppError('invalid-input', `Cannot take build context "${digest}": what came is ${found}`);
    await rename(temporary, path);
    await syncFolder(folder);
    return sizeBytes;
  } catch (cause) {
    throw diskFullError(path, cause) ?? cause;
  } finally {
    await rm(temporary, { force: true });
  }
}

export async function contextStream(contexts: Contexts, digest: Digest): Promise<AsyncIterable<Uint8Array>> {
  if (await hasContext(contexts, digest)) return createReadStream(join(contexts.folder, fileOf(digest)));
  throw new AppError('not-found', `Cannot give build context "${digest}": it is not here`, {
    next: 'Apply the spec again.',
  });
}

/** Removes those that are neither named nor younger than a day: one is handed in before the spec that names it. */
export async function pruneContexts({ folder }: Contexts, used: ReadonlySet<string>, now: number): Promise<void> {
  const names = (await undefinedIfMissing(readdir(folder))) ?? [];
  for (const name of names) {
    const digest = digestSchema.safeParse(`sha256:${name.replace(/\.tar$/, '')}`).data;
    const path = join(folder, name);
    if (digest !== undefined && used.has(digest)) continue;
    const stats = await undefinedIfMissing(stat(path));
    if (stats !== undefined && now - stats.mtimeMs > dayMs) await rm(path, { force: true });
  }
}

/** Does so at once and from time to time, until the signal. */
export async function keepContextsPruned(
  contexts: Contexts,
  options: {
    readonly used: () => ReadonlySet<string>;
    readonly onFailure: (error: unknown) => void;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { used, onFailure, signal } = options;
  while (!signal.aborted) {
    try {
      await pruneContexts(contexts, used(), Date.now()); // The files' times are of the machine's clock as well.
    } catch (error) {
      onFailure(error);
    }
    await sleep(pruneEveryMs, signal).catch(() => undefined); // Ended by the signal.
  }
}

function fileOf(digest: Digest): string {
  return `${digest.slice('sha256:'.length)}.tar`;
}
