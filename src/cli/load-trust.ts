import { resolve } from 'node:path';
import { readTrustFile, type Trust } from '../audit/trust.ts';
import { findConfig } from '../config/find-config.ts';
import { nearestTrust } from '../config/state-folder.ts';
import { AppError } from '../contracts/errors.ts';
import type { CommandContext } from './command.ts';

/** The trust of a run's own project: what `orch` names, else the nearest `.agora/trust.json`. */
export async function projectTrust(named: string | undefined, folder: string): Promise<Trust | undefined> {
  const path = named ?? nearestTrust(folder);
  return path === undefined ? undefined : readTrustFile(path);
}

/** The trust to judge a foreign bundle by: `--trust`, then the config's, then the nearest. Never the bundle's own. */
export async function chosenTrust(named: string | undefined, context: CommandContext): Promise<Trust | undefined> {
  if (named === undefined) return projectTrust(await configuredTrust(context), context.cwd);
  const path = resolve(context.cwd, named);
  const trust = await readTrustFile(path);
  if (trust !== undefined) return trust;
  throw new AppError('no-trust', `Cannot use trust file "${path}": there is no such file`, {
    next: 'Have it from who runs the daemon: .agora/trust.json there.',
  });
}

async function configuredTrust(context: CommandContext): Promise<string | undefined> {
  const configPath = findConfig({ env: context.env, cwd: context.cwd });
  if (configPath === undefined) return undefined;
  const { loadConfig } = await import('../config/load-config.ts');
  return (await loadConfig(configPath)).orch?.trust;
}
