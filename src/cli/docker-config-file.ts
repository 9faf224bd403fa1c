import { homedir } from 'node:os';
import { join } from 'node:path';
import type { CommandContext } from './command.ts';

/** Where `docker login` writes. */
export function dockerConfigFile({ env }: Pick<CommandContext, 'env'>): string {
  return join(env['DOCKER_CONFIG'] || join(env['HOME'] || homedir(), '.docker'), 'config.json');
}
