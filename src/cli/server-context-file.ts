import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { makePrivateFolder, writeFileAtomically } from '../base/atomic-file.ts';
import { schemaWords } from '../base/schema-words.ts';
import { parseStrictJson, StrictJsonError } from '../base/strict-json.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import type { CommandContext } from './command.ts';

export const contextNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:@[\]-]{0,127}$/, 'must be 1 to 128 characters of A-Z a-z 0-9 . _ : @ -');

const serverContextSchema = z.strictObject({
  url: z.string().max(2_048),
  token: z.string().max(4_096),
  /** Whose token it is, as the server said at login. */
  user: z.string().max(128),
});
export type ServerContext = z.infer<typeof serverContextSchema>;

const contextsSchema = z.strictObject({
  schemaVersion: z.literal(1),
  /** The one that commands use. */
  current: z.string().optional(),
  contexts: z.record(contextNameSchema, serverContextSchema),
});
export type ServerContexts = z.infer<typeof contextsSchema>;

const mostBytes = 1024 * 1024;

export function contextsFile(env: CommandContext['env']): string {
  const config = env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config');
  return join(config, 'agora', 'contexts.json');
}

/** The servers a person has signed in to; none where there is no file. */
export async function readContexts(file: string): Promise<ServerContexts> {
  const bytes = await readOwn(file);
  if (bytes === undefined) return { schemaVersion: 1, contexts: {} };
  const parsed = contextsSchema.safeParse(parseJson(file, bytes), { error: schemaWords });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw broken(file, `${issue?.path.join('.') || 'the whole'}: ${issue?.message ?? 'not as it should be'}`);
}

/** Replaced whole, readable by its owner only. */
export async function writeContexts(file: string, contexts: ServerContexts): Promise<void> {
  await makePrivateFolder(dirname(file));
  await writeFileAtomically(file, `${JSON.stringify(contexts, undefined, 2)}\n`);
}

async function readOwn(file: string): Promise<Buffer | undefined> {
  try {
    const { mode, size } = await stat(file);
    if ((mode & 0o077) !== 0) {
      throw new AppError('refused', `Cannot use "${file}": others than you may read or write it`, {
        next: `It holds tokens: chmod 600 ${file}`,
      });
    }
    if (size > mostBytes) throw broken(file, `it is larger than ${mostBytes} bytes`);
    return await readFile(file);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function parseJson(file: string, bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(bytes, { maxBytes: mostBytes, maxDepth: 8, maxStringBytes: 65_536, numbers: 'double' });
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    throw broken(file, `${error.message} at line ${error.line}, column ${error.column}`);
  }
}

function broken(file: string, state: string): AppError {
  return new AppError('invalid-config', `Cannot read "${file}": ${state}`, {
    next: 'Mend it, or remove it and sign in again: agora login <url>',
  });
}
