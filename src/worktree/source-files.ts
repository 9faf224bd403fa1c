import { existsSync } from 'node:fs';
import { lstat, mkdtemp, realpath, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { AppError } from '../contracts/errors.ts';
import { isGitName } from '../contracts/reserved-names.ts';
import { git } from './git.ts';
import { createRepository } from './git-environment.ts';

export interface SourceRepository {
  readonly topLevel: string;
  /** Path of the directory within it, with `/` at its end; '' at its top. */
  readonly prefix: string;
  readonly gitDir: string;
}

/** The repository a directory belongs to, found as git finds it. */
export async function findRepository(directory: string): Promise<SourceRepository | undefined> {
  const found = await git(
    { directory },
    ['rev-parse', '--path-format=absolute', '--show-toplevel', '--git-dir', '--show-prefix'],
    { answers: [128] },
  );
  if (found.exitCode !== 0) return undefined;
  const [topLevel = '', gitDir = '', prefix = ''] = found.stdout.toString('utf8').split('\n');
  return { topLevel, prefix, gitDir };
}

export interface SourceListing {
  /** Paths below the directory, unsorted; some may not be there any more. */
  readonly paths: readonly string[];
  readonly repository: SourceRepository | undefined;
}

/**
 * Tracked files and those no ignore rule hides; in repositories nested inside too. The directory is only read. Outside
 * of a repository, and in a folder its repository ignores, `.gitignore` files count all the same.
 */
export async function listSource(directory: string): Promise<SourceListing> {
  const repository = await findRepository(directory);
  if (repository !== undefined) {
    const paths = await listTracked(directory);
    if (paths.length > 0 || repository.prefix === '') return { paths, repository };
  }
  return { paths: await listUntracked(directory), repository: undefined };
}

async function listTracked(directory: string): Promise<string[]> {
  const listed = await git({ directory }, [...(await userIgnores()), 'ls-files', '-co', '--exclude-standard', '-z']);
  return withNested(directory, pathsOf(listed.stdout, directory));
}

async function listUntracked(directory: string): Promise<string[]> {
  const gitDir = await mkdtemp(join(tmpdir(), 'agora-list-'));
  try {
    await createRepository(gitDir);
    const listing = [...(await userIgnores()), 'ls-files', '-o', '--exclude-standard', '-z'];
    const listed = await git({ gitDir, workTree: directory }, listing);
    return await withNested(directory, pathsOf(listed.stdout, directory));
  } finally {
    await rm(gitDir, { recursive: true, force: true });
  }
}

// Git lists a repository inside as one entry: a submodule by its path, another one with a slash at the end.
async function withNested(directory: string, listed: readonly string[]): Promise<string[]> {
  const paths: string[] = [];
  for (const entry of new Set(listed)) {
    const path = entry.replace(/\/$/, '');
    if (path.split('/').some((name) => name === '.agora' || isGitName(name))) continue;
    const nested = join(directory, path);
    if (path === entry && !(await isFolder(nested))) paths.push(path);
    else for (const inner of await listNested(nested)) paths.push(`${path}/${inner}`);
  }
  return paths;
}

async function listNested(directory: string): Promise<readonly string[]> {
  if (!(await isFolder(directory))) return [];
  const repository = await findRepository(directory);
  const isOwn = repository !== undefined && repository.topLevel === (await realpath(directory));
  return isOwn ? listTracked(directory) : listUntracked(directory);
}

async function isFolder(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isDirectory() === true;
}

function pathsOf(stdout: Buffer, directory: string): string[] {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    return decoder.decode(stdout).split('\0').slice(0, -1);
  } catch (cause) {
    const name = stdout
      .toString('latin1')
      .split('\0')
      .find((path) => !isUtf8(path));
    throw new AppError('source-refused', `Cannot take "${directory}": the name ${JSON.stringify(name)} is not UTF-8`, {
      cause,
      next: 'Rename the file, or let .gitignore hide it.',
    });
  }
}

function isUtf8(bytes: string): boolean {
  return Buffer.from(Buffer.from(bytes, 'latin1').toString('utf8')).toString('latin1') === bytes;
}

// A person's own ignore file may hide secrets; of their configuration only this one path is read.
async function userIgnores(): Promise<string[]> {
  const home = homedir();
  let file = join(home, '.config', 'git', 'ignore');
  for (const config of [join(home, '.config', 'git', 'config'), join(home, '.gitconfig')]) {
    if (!existsSync(config)) continue;
    const found = await git({}, ['config', '--file', config, 'core.excludesFile'], { answers: [1, 3, 128] });
    const value = found.stdout.toString('utf8').trim();
    if (found.exitCode === 0 && value !== '') file = value.startsWith('~/') ? join(home, value.slice(2)) : value;
  }
  return isAbsolute(file) && existsSync(file) ? ['-c', `core.excludesFile=${file}`] : [];
}
