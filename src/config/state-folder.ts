import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { stateFolderName, stateNames } from '../contracts/names.ts';
import { foldersToSearch } from './find-config.ts';

/** Where a project's state lies: beside its config, or in the current folder without one. */
export function stateFolder(configPath: string | undefined, cwd: string): string {
  return join(configPath === undefined ? resolve(cwd) : dirname(configPath), stateFolderName);
}

/** The nearest `.agora/trust.json`, upward from a folder to the repository root. */
export function nearestTrust(from: string): string | undefined {
  return foldersToSearch(from)
    .map((folder) => join(folder, stateFolderName, stateNames.trust))
    .find((path) => existsSync(path));
}
