import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type GitFolder, git } from './git.ts';
import { createRepository } from './git-environment.ts';
import { findRepository, type SourceRepository } from './source-files.ts';

export interface SourceState {
  /** Paths below the directory whose file differs from the index or from HEAD. */
  readonly changed: ReadonlySet<string>;
  /** Paths below the directory that the repository tracks. */
  readonly tracked: ReadonlySet<string>;
}

/**
 * What the directory's repository says of its files, or undefined outside of one or before its first commit. Asked in
 * a repository of our own, over a copy of the index and with their objects as alternates: theirs is not written to,
 * and neither its configuration nor its filters run anything.
 */
export async function uncommittedPaths(directory: string, workFolder: string): Promise<SourceState | undefined> {
  const repository = await findRepository(directory);
  if (repository === undefined) return undefined;
  const head = await ask(repository, ['rev-parse', '--verify', '--quiet', 'HEAD^{tree}']);
  const objects = await ask(repository, ['rev-parse', '--path-format=absolute', '--git-path', 'objects']);
  const index = await ask(repository, ['rev-parse', '--path-format=absolute', '--git-path', 'index']);
  if (head === undefined || objects === undefined || index === undefined || !existsSync(index)) return undefined;
  try {
    const indexFile = await copyIndex(index, workFolder);
    const folder = { gitDir: workFolder, workTree: repository.topLevel, indexFile, alternates: [objects] };
    return await compare(folder, head, repository.prefix);
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}

async function compare(folder: GitFolder, head: string, prefix: string): Promise<SourceState> {
  // Exit code 1 says that some file needs an update: that is the question, not a failure.
  await git(folder, ['update-index', '-q', '--refresh'], { answers: [1] });
  const changed = await git(folder, ['diff-index', '-z', '--name-only', '--no-renames', '--no-ext-diff', head]);
  const tracked = await git(folder, ['ls-files', '-z', '--cached']);
  return { changed: pathsBelow(prefix, changed.stdout), tracked: pathsBelow(prefix, tracked.stdout) };
}

async function ask(repository: SourceRepository, question: readonly string[]): Promise<string | undefined> {
  const answer = await git({ directory: repository.topLevel }, question, { answers: [1, 128] });
  return answer.exitCode === 0 ? answer.stdout.toString('utf8').trimEnd() : undefined;
}

// With its times: git compares them with those of the files. A split index lies in two files.
async function copyIndex(index: string, workFolder: string): Promise<string> {
  await createRepository(workFolder);
  await mkdir(workFolder, { recursive: true });
  const shared = (await readdir(dirname(index))).filter((name) => name.startsWith('sharedindex.'));
  for (const name of [basename(index), ...shared]) {
    await cp(join(dirname(index), name), join(workFolder, name), { preserveTimestamps: true });
  }
  return join(workFolder, basename(index));
}

function pathsBelow(prefix: string, stdout: Buffer): Set<string> {
  const paths = stdout.toString('utf8').split('\0').slice(0, -1);
  return new Set(paths.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length)));
}
