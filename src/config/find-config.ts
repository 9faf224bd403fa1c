import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { AppError } from '../contracts/errors.ts';
import { configFileNames, environmentNames } from '../contracts/names.ts';

export interface FindConfigOptions {
  /** Value of `--config`. */
  readonly named?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/**
 * The config that counts: `--config`, `$AGORA_CONFIG`, else the nearest one upward to the repository root; outside a
 * repository only the current folder is looked at. Undefined when there is none.
 */
export function findConfig(options: FindConfigOptions): string | undefined {
  if (options.named !== undefined) return namedConfig(options.named, '--config', options.cwd);
  const fromEnvironment = options.env[environmentNames.config];
  if (fromEnvironment) return namedConfig(fromEnvironment, `$${environmentNames.config}`, options.cwd);

  for (const folder of foldersToSearch(options.cwd)) {
    const found = configFileNames.map((name) => join(folder, name)).find((path) => existsSync(path));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A named folder stands for the config in it. */
function namedConfig(named: string, origin: string, cwd: string): string {
  const path = resolve(cwd, named);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile()) return path;
  const inside = stat?.isDirectory()
    ? configFileNames.map((name) => join(path, name)).find((each) => existsSync(each))
    : undefined;
  if (inside !== undefined) return inside;
  const state = stat?.isDirectory()
    ? `the folder holds none of ${configFileNames.join(', ')}`
    : 'there is no such file';
  throw new AppError('invalid-config', `Cannot use config "${path}" (from ${origin}): ${state}`, {
    next: `name a config file with ${origin}`,
  });
}

/** A folder and those above it, to the repository root; outside a repository the folder alone. */
export function foldersToSearch(cwd: string): string[] {
  const folders: string[] = [];
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    folders.push(folder);
    if (existsSync(join(folder, '.git'))) return folders;
    if (dirname(folder) === folder) return folders.slice(0, 1);
  }
}
