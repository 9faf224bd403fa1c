import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stateFolderName } from '../contracts/names.ts';
import { git } from '../worktree/git.ts';
import type { InitPlace } from './init-place.ts';

export const ignoreFileName = '.gitignore';

export interface IgnoreChange {
  /** What was added. */
  readonly lines: readonly string[];
  /** The file with it. */
  readonly text: string;
}

/**
 * The `.gitignore` that keeps the state and what is hidden out of the repository and these files, which runs need, in
 * it; undefined when it does that already. Outside of a repository nothing is to be done: the state is never part of a
 * source.
 */
export async function changedIgnores(
  place: InitPlace,
  files: readonly string[],
  hidden: readonly string[],
): Promise<IgnoreChange | undefined> {
  if (place.repository === undefined) return undefined;
  const state = `${stateFolderName}/`;
  const ignored = await ignoredOf(place.folder, [state, ...files]);
  const lines = [
    ...(ignored.has(state) ? [] : [state]),
    ...hidden.map((path) => `/${literally(path)}`),
    ...files.filter((name) => ignored.has(name)).map((name) => `!/${name}`),
  ];
  if (lines.length === 0) return undefined;
  return { lines, text: withLines(await textOf(join(place.folder, ignoreFileName)), lines) };
}

function literally(path: string): string {
  return path.replace(/[\\*?[]/g, '\\$&').replace(/ +$/, (spaces) => spaces.replaceAll(' ', '\\ '));
}

async function ignoredOf(folder: string, names: readonly string[]): Promise<Set<string>> {
  const asked = await git({ directory: folder }, ['check-ignore', '--no-index', '-z', '--stdin'], {
    input: names.map((name) => `${name}\0`).join(''),
    answers: [1],
  });
  return new Set(asked.stdout.toString('utf8').split('\0').slice(0, -1));
}

// Git takes no rules from a link, so what a link points to does not count.
async function textOf(file: string): Promise<string> {
  const found = await lstat(file).catch(() => undefined);
  return found?.isFile() === true ? readFile(file, 'utf8') : '';
}

function withLines(before: string, lines: readonly string[]): string {
  const end = before.includes('\r\n') ? '\r\n' : '\n';
  const gap = before === '' || before.endsWith('\n') ? '' : end;
  return `${before}${gap}${lines.map((line) => `${line}${end}`).join('')}`;
}
