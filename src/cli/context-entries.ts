import { lstat, readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { AppError, isAppError, systemErrorCode } from '../contracts/errors.ts';
import { type IgnoreRules, isIgnored, parseIgnoreRules } from './docker-ignore.ts';

export interface BuildContext {
  readonly folder: string;
  /** Its path in the folder: it and `.dockerignore` go along whatever is ignored. */
  readonly dockerfile: string;
}

export type ContextEntry =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'file'; readonly path: string; readonly sizeBytes: number; readonly isExecutable: boolean };

export interface ContextEntries {
  /** In an order that is the same for the same content. */
  readonly entries: readonly ContextEntry[];
  /** Paths of sockets, pipes and devices: a context has none. */
  readonly leftOut: readonly string[];
}

/** What of a folder is its build context. Raises `invalid-input` with the path of what cannot be read. */
export async function contextEntries({ folder, dockerfile }: BuildContext): Promise<ContextEntries> {
  const rules = await readRules(folder, dockerfile);
  const hasExceptions = rules.some(({ isException }) => isException);
  const kept = new Set([dockerfile, '.dockerignore', `${dockerfile}.dockerignore`]);
  const entries: ContextEntry[] = [];
  const leftOut: string[] = [];
  const walk = async (below: string): Promise<void> => {
    const names = await reading(below || '.', () => readdir(join(folder, below)));
    for (const name of names.sort()) {
      const path = below === '' ? name : `${below}/${name}`;
      const isLeftOut = isIgnored(rules, path) && !kept.has(path);
      const leadsToKept = [...kept].some((each) => each.startsWith(`${path}/`));
      if (isLeftOut && !hasExceptions && !leadsToKept) continue;
      const entry = await reading(path, () => entryOf(folder, path));
      if (entry === undefined && !isLeftOut) leftOut.push(path);
      if (entry !== undefined && !isLeftOut) entries.push(entry);
      if (entry?.kind === 'folder') await walk(path);
    }
  };
  await walk('');
  return { entries, leftOut };
}

async function readRules(folder: string, dockerfile: string): Promise<IgnoreRules> {
  const read = (path: string) => reading(path, () => undefinedIfMissing(readFile(join(folder, path), 'utf8')));
  return parseIgnoreRules((await read(`${dockerfile}.dockerignore`)) ?? (await read('.dockerignore')) ?? '');
}

async function entryOf(folder: string, path: string): Promise<ContextEntry | undefined> {
  const full = join(folder, path);
  const stats = await lstat(full);
  if (stats.isDirectory()) return { kind: 'folder', path };
  if (stats.isSymbolicLink()) return { kind: 'link', path, target: await readlink(full) };
  if (!stats.isFile()) return undefined;
  return { kind: 'file', path, sizeBytes: stats.size, isExecutable: (stats.mode & 0o111) !== 0 };
}

/** Names what is read where that fails. */
export async function reading<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw isAppError(cause) ? cause : unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): AppError {
  const what = `Cannot read "${path}" of the build context`;
  const code = systemErrorCode(cause);
  if (code === 'ENOENT' && path.includes('\ufffd')) {
    return new AppError('invalid-input', `${what}: its name is not UTF-8`, { cause, next: 'Give it another name.' });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    const next = 'Make it readable, or name it in .dockerignore.';
    return new AppError('invalid-input', `${what}: you may not read it`, { cause, next });
  }
  if (code !== undefined && code !== 'ENOENT') return new AppError('invalid-input', `${what}: ${code}`, { cause });
  return new AppError('not-ready', `${what}: it changed or went meanwhile`, { cause, next: 'Apply again.' });
}

/** Whether this can be a context: a folder with such a Dockerfile in it. Its problem, or undefined. */
export async function contextProblem({ folder, dockerfile }: BuildContext): Promise<string | undefined> {
  try {
    const stats = await undefinedIfMissing(stat(folder));
    if (stats === undefined) return 'there is no such folder';
    if (!stats.isDirectory()) return 'it is no folder';
    return await dockerfileProblem(folder, dockerfile);
  } catch (error) {
    return `it cannot be read: ${systemErrorCode(error) ?? String(error)}`;
  }
}

async function dockerfileProblem(folder: string, dockerfile: string): Promise<string | undefined> {
  const path = join(folder, dockerfile);
  if ((await undefinedIfMissing(lstat(path))) === undefined) return `there is no "${dockerfile}" in it`;
  const target = await undefinedIfMissing(stat(path));
  if (target === undefined) return `its "${dockerfile}" is a link that leads nowhere`;
  if (!target.isFile()) return `its "${dockerfile}" is no file`;
  const isInside = (await realpath(path)).startsWith(`${await realpath(folder)}${sep}`);
  if (!isInside) return `its "${dockerfile}" is a link that leads out of it`;
  return target.size === 0 ? `its "${dockerfile}" is empty` : undefined;
}
