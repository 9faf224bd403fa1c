import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { AgentState } from '../agent/agent-state.ts';
import {
  type AgentConfig,
  agentConfigDefaults,
  parseConfig,
  readConfigFile,
  writeFirstConfig,
} from '../agent/config-file.ts';
import { makePrivateFolder, writeFileAtomically } from '../base/atomic-file.ts';
import { AppError } from '../contracts/errors.ts';
import { hostNameSchema } from '../contracts/fleet-ids.ts';

/** What may be typed, as the parser gives it. */
export interface AgentFlags {
  readonly 'server-url'?: string | undefined;
  readonly 'deployment-name'?: string | undefined;
  readonly 'build-directory'?: string | undefined;
  readonly 'log-directory'?: string | undefined;
  readonly 'log-max-size'?: string | undefined;
  readonly 'join-token-file'?: string | undefined;
  readonly engine?: string | undefined;
}

type Defaulted = keyof typeof agentConfigDefaults;
export type CompleteConfig = Omit<AgentConfig, Defaulted> & {
  readonly [Key in Defaulted]: NonNullable<AgentConfig[Key]>;
};

/** What was typed comes before the file, the file before the defaults. */
export function completeConfig(flags: AgentConfig, file: AgentConfig | undefined): CompleteConfig {
  const typed: AgentConfig = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  const given = { ...file, ...typed };
  const defaults = agentConfigDefaults;
  return {
    ...given,
    server_url: given.server_url ?? defaults.server_url,
    build_directory: given.build_directory ?? defaults.build_directory,
    delete_build_context_after_build:
      given.delete_build_context_after_build ?? defaults.delete_build_context_after_build,
    log_max_size: given.log_max_size ?? defaults.log_max_size,
  };
}

/** Paths that were typed are those of the folder it was typed in. */
export function configOfFlags(flags: AgentFlags, cwd: string): AgentConfig {
  const path = (typed: string | undefined) => (typed === undefined ? undefined : resolve(cwd, typed));
  return {
    server_url: flags['server-url'],
    deployment_name: nameOf(flags['deployment-name']),
    build_directory: path(flags['build-directory']),
    log_directory: path(flags['log-directory']),
    log_max_size: bytesOf(flags['log-max-size']),
    join_token_file: path(flags['join-token-file']),
    engine: flags.engine,
  };
}

export interface ConfigKeeping {
  readonly file: string;
  readonly flags: AgentConfig;
  /** Where a container keeps its config, which goes with it otherwise. Default: the file stays by itself. */
  readonly state?: AgentState | undefined;
  readonly log: (line: string) => void;
}

/** The config file; at a first start it is written, with what was typed. */
export async function keepConfig({ file, flags, state, log }: ConfigKeeping): Promise<AgentConfig> {
  const kept = await state?.read('config.yml');
  const found = (await readConfigFile(file)) ?? (kept === undefined ? undefined : parseConfig(Buffer.from(kept), file));
  try {
    // A join token counts once: whoever starts without it after a wrong one wants none.
    const { join_token_file: _, ...lasting } = flags;
    if (found === undefined) await writeFirstConfig(file, completeConfig(lasting, undefined));
    else if ((await readConfigFile(file)) === undefined && kept !== undefined) await restore(file, kept);
    const text = await readFile(file, 'utf8');
    if (state !== undefined && text !== kept) await state.write('config.yml', text);
  } catch (error) {
    log(
      `Cannot write config file "${file}": ${error instanceof Error ? error.message : String(error)}; going on without`,
    );
  }
  return found ?? {};
}

async function restore(file: string, text: string): Promise<void> {
  await makePrivateFolder(dirname(file));
  await writeFileAtomically(file, text);
}

function nameOf(typed: string | undefined): string | undefined {
  if (typed === undefined || hostNameSchema.safeParse(typed).success) return typed;
  const rule = '1 to 63 characters of A-Z a-z 0-9 . _ -, starting with a letter or digit';
  throw new AppError('usage', `Cannot use deployment name "${typed}": it must be ${rule}`);
}

function bytesOf(typed: string | undefined): number | undefined {
  if (typed === undefined) return undefined;
  const bytes = /^\d{1,15}$/.test(typed) ? Number(typed) : 0;
  if (bytes >= 4096) return bytes;
  throw new AppError('usage', `Cannot use log size "${typed}": it must be bytes, 4096 or more`);
}
