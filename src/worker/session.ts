import { closeSync, constants, createReadStream, existsSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pack } from 'tar-stream';
import type { Redactor } from '../base/redact.ts';
import { inNames, outNames } from '../contracts/names.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';
import { isFolder } from './agora-folder.ts';
import { extractTree } from './extract-tree.ts';
import type { Job } from './job.ts';
import { type TreeEntry, walkTree } from './tree-walk.ts';

const mostBytes = 32 * 1024 * 1024;

/** Puts the files of a session that goes on into the subagent's home. */
export async function restoreSession({ place, spec }: Job, signal: AbortSignal): Promise<void> {
  const tar = join(place.paths.in, inNames.session);
  if (!existsSync(tar)) return;
  const maxBytes = Math.min(mostBytes, spec.limits.diskMb * 1024 * 1024);
  const options = { maxBytes, signal, replaces: true, ...(place.user && { owner: place.user }) };
  await extractTree(createReadStream(tar), homeOf(place), options);
}

/**
 * Keeps the files of a session below the subagent's home, which nobody uses any more, secrets blacked out. Where
 * they hold too much, nothing is kept: a part of a session is none.
 */
export async function keepSession({ place, redactor }: Job, folder: string): Promise<'kept' | 'none' | 'too-large'> {
  const root = folderInside(homeOf(place), folder);
  if (root === undefined) return 'none';
  const { pack } = await import('tar-stream');
  const tar = new SessionTar(pack(), { folder, redactor });
  await walkTree(root, { visit: (entry) => !entry.stats.isFile() || tar.add(entry) });
  if (!tar.isWhole) return tar.isTooLarge ? 'too-large' : 'none';
  await writeFile(join(place.paths.out, outNames.session), await tar.finish(), { mode: 0o600 });
  return 'kept';
}

/** The subagent's home as the supervisor reaches it: a sandbox has its own name for it. */
function homeOf({ paths, view }: WorkerPlace): string {
  return paths.scratch === undefined ? view.home : join(paths.scratch, 'tmp');
}

/** Undefined where some part of the way is no folder: a link would lead out of the home. */
function folderInside(home: string, folder: string): string | undefined {
  let path = home;
  for (const part of folder.split('/')) {
    path = join(path, part);
    if (!isFolder(path)) return undefined;
  }
  return path;
}

class SessionTar {
  readonly #tar: Pack;
  readonly #folder: string;
  readonly #redactor: Redactor;
  #bytes = 0;
  #files = 0;

  constructor(tar: Pack, { folder, redactor }: { readonly folder: string; readonly redactor: Redactor }) {
    this.#tar = tar;
    this.#folder = folder;
    this.#redactor = redactor;
  }

  get isTooLarge(): boolean {
    return this.#bytes > mostBytes;
  }

  get isWhole(): boolean {
    return this.#files > 0 && !this.isTooLarge;
  }

  /** False when there is no room for it. */
  add(entry: TreeEntry): boolean {
    const name = `${this.#folder}/${entry.path().join('/')}`;
    this.#bytes += Number(entry.stats.size);
    if (this.isTooLarge) return false;
    const content = this.#redactor.holds(name) ? undefined : readFileAt(entry.location);
    if (content === undefined) return true;
    this.#tar.entry({ name, mode: 0o600, mtime: new Date(0) }, this.#redactor.stream().end(content));
    this.#files += 1;
    return true;
  }

  async finish(): Promise<Buffer> {
    this.#tar.finalize();
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#tar as AsyncIterable<Uint8Array>) chunks.push(chunk);
    return Buffer.concat(chunks);
  }
}

function readFileAt(location: Buffer): Buffer | undefined {
  const file = openSync(location, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return fstatSync(file).isFile() ? readFileSync(file) : undefined;
  } finally {
    closeSync(file);
  }
}
