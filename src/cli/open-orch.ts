import { dirname } from 'node:path';
import { findConfig } from '../config/find-config.ts';
import type { OrchContext } from '../config/orch-context.ts';
import { stateFolder } from '../config/state-folder.ts';
import type { CommandContext } from './command.ts';
import { say } from './output.ts';

export interface OpenedOrch {
  readonly orch: OrchContext;
  readonly configPath: string | undefined;
  /** Where the config lies, or the current folder without one. */
  readonly folder: string;
}

/** The option every command that needs a config takes. */
export const configOption = {
  type: 'string',
  value: '<file>',
  summary: 'Config to use (default: $AGORA_CONFIG, else the nearest agora.config.{ts,js,mjs})',
} as const;

/** The `orch` context the command works with: the config's, or the embedded one where there is no config. */
export async function openOrch(named: string | undefined, context: CommandContext): Promise<OpenedOrch> {
  const configPath = findConfig({ named, env: context.env, cwd: context.cwd });
  if (configPath !== undefined) {
    const { loadOrch } = await import('../config/load-config.ts');
    return { orch: await loadOrch(configPath), configPath, folder: dirname(configPath) };
  }
  const folder = stateFolder(undefined, context.cwd);
  await say(context.stderr, `agora: no config found, using the defaults with state in ${folder}`);
  const { createEmbedded } = await import('../config/embedded.ts');
  return { orch: createEmbedded({ stateFolder: folder }).orch, configPath, folder: context.cwd };
}
