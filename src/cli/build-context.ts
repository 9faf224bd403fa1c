import { createReadStream } from 'node:fs';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { streamTar } from '../compute/tar-writer.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { type IgnoreRules, isIgnored, parseIgnoreRules } from './docker-ignore.ts';

export interface BuildContext {
  readonly folder: string;
  /** Its path in the folder: it and `.dockerignore` go along whatever is ignored. */
  readonly dockerfile: string;
}

type Entry =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'file'; readonly path: string; readonly sizeBytes: number; readonly isExecutable: boolean };

/**
 * The folder as a tar that is the same for the same content: sorted, without owners, times and permissions but for what may be
 * executed. Sockets, pipes and devices are left out.
 */
export async function* contextTar(context: BuildContext): AsyncGenerator<Uint8Array> {
  const entries = await entriesOf(context);
  yield* streamTar(async (tar) => {
    for (const entry of entries) {
      const common = { name: entry.path, mtime: new Date(0), uid: 0, gid: 0 };
      if (entry.kind === 'folder') tar.entry({ ...common, type: 'directory', mode: 0o755 });
      else if (entry.kind === 'link') tar.entry({ ...common, type: 'symlink', linkname: entry.target, mode: 0o777 });
      else {
        const { path, sizeBytes: size, isExecutable } = entry;
        const header = { ...common, size, mode: isExecutable ? 0o755 : 0o644 };
        if (size === 0) {
          tar.entry(header, '');
          continue;
        }
        // What is added to it meanwhile is not read: its size was said before.
        const source = createReadStream(join(context.folder, path), { end: size - 1 });
        await pipeline(source, tar.entry(header)).catch(changed(path));
      }
    }
  });
}

function changed(path: string): (cause: unknown) => never {
  return (cause) => {
    throw new AppError('not-ready', `Cannot read "${path}" of the build context: it changed or went meanwhile`, {
      cause,
      next: 'Apply again.',
    });
  };
}

async function entriesOf({ folder, dockerfile }: BuildContext): Promise<Entry[]> {
  const rules = await readRules(folder, dockerfile);
  const hasExceptions = rules.some(({ isException }) => isException);
  const kept = new Set([dockerfile, '.dockerignore', `${dockerfile}.dockerignore`]);
  const entries: Entry[] = [];
  const walk = async (below: string): Promise<void> => {
    const names = await readdir(join(folder, below));
    for (const name of names.sort()) {
      const path = below === '' ? name : `${below}/${name}`;
      const isLeftOut = isIgnored(rules, path) && !kept.has(path);
      const leadsToKept = [...kept].some((each) => each.startsWith(`${path}/`));
      if (isLeftOut && !hasExceptions && !leadsToKept) continue;
      const entry = await entryOf(folder, path);
      if (entry !== undefined && !isLeftOut) entries.push(entry);
      if (entry?.kind === 'folder') await walk(path);
    }
  };
  await walk('');
  return entries;
}

async function readRules(folder: string, dockerfile: string): Promise<IgnoreRules> {
  const own = await undefinedIfMissing(readFile(join(folder, `${dockerfile}.dockerignore`), 'utf8'));
  return parseIgnoreRules(own ?? (await undefinedIfMissing(readFile(join(folder, '.dockerignore'), 'utf8'))) ?? '');
}

async function entryOf(folder: string, path: string): Promise<Entry | undefined> {
  const full = join(folder, path);
  const stats = await lstat(full);
  if (stats.isDirectory()) return { kind: 'folder', path };
  if (stats.isSymbolicLink()) return { kind: 'link', path, target: await readlink(full) };
  if (!stats.isFile()) return undefined;
  return { kind: 'file', path, sizeBytes: stats.size, isExecutable: (stats.mode & 0o111) !== 0 };
}

/** Whether this can be a context: a folder with such a Dockerfile in it. Its problem, or undefined. */
export async function contextProblem({ folder, dockerfile }: BuildContext): Promise<string | undefined> {
  try {
    const stats = await undefinedIfMissing(lstat(folder));
    if (stats === undefined) return 'there is no such folder';
    if (!stats.isDirectory()) return 'it is no folder';
    const file = await undefinedIfMissing(lstat(join(folder, dockerfile)));
    return file === undefined ? `there is no "${dockerfile}" in it` : undefined;
  } catch (error) {
    return isAppError(error) ? error.message : 'it cannot be read';
  }
}
