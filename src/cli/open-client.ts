import { dirname } from 'node:path';
import type { AgoraClient } from '../client/client.ts';
import { findConfig } from '../config/find-config.ts';
import { stateFolder } from '../config/state-folder.ts';
import type { CommandContext } from './command.ts';
import { say } from './output.ts';

export interface OpenedClient {
  readonly client: AgoraClient;
  readonly configPath: string | undefined;
  /** Where the config lies, or the current folder without one. */
  readonly folder: string;
}

/** The client the command works with: the config's default export, or the embedded one where there is no config. */
export async function openClient(named: string | undefined, context: CommandContext): Promise<OpenedClient> {
  const configPath = findConfig({ named, env: context.env, cwd: context.cwd });
  if (configPath !== undefined) {
    const { loadClient } = await import('../config/load-config.ts');
    return { client: await loadClient(configPath), configPath, folder: dirname(configPath) };
  }
  const folder = stateFolder(undefined, context.cwd);
  await say(context.stderr, `agora: no config found, using the defaults with state in ${folder}`);
  const { createEmbedded } = await import('../config/embedded.ts');
  return { client: createEmbedded({ stateFolder: folder }).client, configPath, folder: context.cwd };
}
