import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { agentConfigPath } from '../contracts/fleet-names.ts';
import type { CommandContext } from './command.ts';

export interface AgentPlaces {
  readonly configFile: string;
  readonly stateFolder: string;
  readonly logFolder: string;
}

/** Where an agent has its files, unless it is told otherwise. */
export function agentPlaces({ env }: Pick<CommandContext, 'env'>): AgentPlaces {
  const home = env['HOME'] || homedir();
  const stateFolder = join(env['XDG_STATE_HOME'] || join(home, '.local', 'state'), 'agora-agent');
  return { configFile: resolve(home, agentConfigPath), stateFolder, logFolder: join(stateFolder, 'logs') };
}
