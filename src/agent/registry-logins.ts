import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { registryOf } from '../base/image-reference.ts';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { AppError } from '../contracts/errors.ts';
import type { RegistryLogin } from '../engine/host-engine.ts';

export type RegistryLogins = Readonly<Record<string, RegistryLogin>>;

/** What Docker calls its own hub there, and in requests. */
const hub = 'https://index.docker.io/v1/';

const fileSchema = z.object({ auths: z.record(z.string(), z.object({ auth: z.string().optional() })).default({}) });

/** Logins that `docker login` keeps in its config file, by registry; those of a credential helper are not known. */
export async function readRegistryLogins(file: string): Promise<RegistryLogins> {
  const text = await undefinedIfMissing(readFile(file, 'utf8'));
  return text === undefined ? {} : loginsOf(text, file);
}

export function loginsOf(text: string, file: string): RegistryLogins {
  const parsed = fileSchema.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new AppError(
      'invalid-config',
      `Cannot read registry logins of "${file}": it is not what docker login writes`,
    );
  }
  const logins = Object.entries(parsed.data.auths).flatMap(([registry, { auth = '' }]) => {
    const [, username, password] = /^([^:]+):(.+)$/s.exec(Buffer.from(auth, 'base64').toString('utf8')) ?? [];
    return username === undefined || password === undefined
      ? []
      : [[nameOf(registry), { username, password }] as const];
  });
  return Object.fromEntries(logins);
}

export function loginFor(logins: RegistryLogins, reference: string): RegistryLogin | undefined {
  const registry = registryOf(reference) ?? hub;
  return Object.hasOwn(logins, registry) ? logins[registry] : undefined;
}

/** Written as a host or as an address of one. */
function nameOf(registry: string): string {
  const host = registry.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return /^(index\.|registry-1\.)?docker\.io$/.test(host) ? hub : host;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Refused as what it is not.
  }
}
