import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { createFileAtomically, makePrivateFolder } from '../base/atomic-file.ts';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { schemaWords } from '../base/schema-words.ts';
import { parseStrictYaml, StrictYamlError, type TextPlace, type YamlDocument } from '../base/strict-yaml.ts';
import { suggestion } from '../base/suggest.ts';
import { AppError } from '../contracts/errors.ts';
import { hostNameSchema } from '../contracts/fleet-ids.ts';
import { serverDefaults } from '../contracts/fleet-names.ts';

const text = z.string().min(1).max(4096);

/** Keys of the file as an agent knows them. */
const agentConfigSchema = z.object({
  server_url: text.optional(),
  deployment_name: hostNameSchema.optional(),
  build_directory: text.optional(),
  delete_build_context_after_build: z.boolean().optional(),
  log_directory: text.optional(),
  log_max_size: z.int().min(4096).optional(),
  join_token_file: text.optional(),
  engine: text.optional(),
});
export type AgentConfig = Readonly<z.infer<typeof agentConfigSchema>>;

/** Keys that the same file may have for a server. */
const serverKeys: ReadonlySet<string> = new Set(['data_directory', 'license_key', 'instance_id']);

export const agentConfigDefaults = {
  server_url: serverDefaults.url,
  build_directory: '/tmp',
  delete_build_context_after_build: true,
  log_max_size: 10 * 1024 * 1024,
} as const;

const maxBytes = 1024 * 1024;

/** Undefined where there is no such file. */
export async function readConfigFile(path: string): Promise<AgentConfig | undefined> {
  const bytes = await undefinedIfMissing(readFile(path));
  return bytes === undefined ? undefined : parseConfig(bytes, path);
}

/** Raises `invalid-config` with the line of what is wrong. */
export function parseConfig(bytes: Uint8Array, path: string): AgentConfig {
  const document = parse(bytes, path);
  const value = document.value ?? {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw invalid(path, { line: 1, column: 1 }, 'it must be keys and values');
  }
  const known = Object.keys(agentConfigSchema.shape);
  for (const key of Object.keys(value)) {
    if (known.includes(key) || serverKeys.has(key)) continue;
    throw invalid(path, document.placeOf([key]), `unknown key "${key}"${suggestion(key, known)}`);
  }
  const parsed = agentConfigSchema.safeParse(value, { error: schemaWords });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const at = issue?.path ?? [];
  throw invalid(path, document.placeOf(at), `"${at.join('.')}": ${issue?.message}`);
}

/** Writes what counts at a first start, for people to change. Whether it was written: an existing file is left as it is. */
export async function writeFirstConfig(path: string, config: AgentConfig): Promise<boolean> {
  const lines = Object.entries(config).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}: ${typeof value === 'string' ? JSON.stringify(value) : String(value)}`],
  );
  const head = '# The host agent. Options of the command come before what is here.';
  await makePrivateFolder(dirname(path));
  return await createFileAtomically(path, `${[head, ...lines].join('\n')}\n`);
}

function parse(bytes: Uint8Array, path: string): YamlDocument {
  try {
    return parseStrictYaml(bytes, { maxBytes });
  } catch (error) {
    if (!(error instanceof StrictYamlError)) throw error;
    throw invalid(path, error.place, error.message, error);
  }
}

function invalid(path: string, { line }: TextPlace, problem: string, cause?: unknown): AppError {
  return new AppError('invalid-config', `Cannot use config file "${path}": line ${line}: ${problem}`, {
    cause,
    next: 'docs/reference/agent.md lists its keys.',
  });
}
