import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import type { RegistryLogin } from '../engine/host-engine.ts';

/** What Docker calls its own hub there, and in requests. */
export const hub = 'https://index.docker.io/v1/';

/** What `docker login` wrote down, by registry. */
export interface DockerConfig {
  readonly entries: readonly DockerConfigEntry[];
  /** The helper for registries that have none of their own. */
  readonly store: string | undefined;
}

export interface DockerConfigEntry {
  readonly registry: string;
  /** As it stands there: a helper knows it by this. */
  readonly key: string;
  readonly login?: RegistryLogin | undefined;
  readonly helper?: string | undefined;
}

const authSchema = z.object({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
});
const fileSchema = z.object({
  auths: z.record(z.string(), authSchema).default({}),
  credHelpers: z.record(z.string(), z.string()).default({}),
  credsStore: z.string().optional(),
});

/** Undefined where there is no such file. */
export async function readDockerConfig(file: string): Promise<DockerConfig | undefined> {
  let text: string | undefined;
  try {
    text = await undefinedIfMissing(readFile(file, 'utf8'));
  } catch (cause) {
    const state = systemErrorCode(cause) ?? 'it cannot be read';
    throw new AppError('invalid-config', `Cannot read registry logins of "${file}": ${state}`, { cause });
  }
  return text === undefined ? undefined : parseDockerConfig(text, file);
}

export function parseDockerConfig(text: string, file: string): DockerConfig {
  const parsed = fileSchema.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new AppError(
      'invalid-config',
      `Cannot read registry logins of "${file}": it is not what docker login writes`,
    );
  }
  const { auths, credHelpers, credsStore } = parsed.data;
  const stored = Object.entries(auths).map(([key, auth]) => ({ key, registry: nameOf(key), login: loginOf(auth) }));
  const helped = Object.entries(credHelpers).map(([key, helper]) => ({ key, registry: nameOf(key), helper }));
  return { entries: [...helped, ...stored], store: credsStore || undefined };
}

/** Written as a host or as an address of one. */
export function nameOf(key: string): string {
  const host = key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return /^(index\.|registry-1\.)?docker\.io$/.test(host) ? hub : host;
}

function loginOf({
  auth = '',
  username,
  password,
  identitytoken,
}: z.infer<typeof authSchema>): RegistryLogin | undefined {
  if (identitytoken) return { identityToken: identitytoken };
  const [, user, word] = /^([^:]+):(.+)$/s.exec(Buffer.from(auth, 'base64').toString('utf8')) ?? [];
  if (user !== undefined && word !== undefined) return { username: user, password: word.replace(/\0+$/, '') };
  return username && password ? { username, password } : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Refused as what it is not.
  }
}
