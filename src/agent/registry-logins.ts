import { registryOf } from '../base/image-reference.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { RegistryLogin } from '../engine/host-engine.ts';
import { loginFromHelper, registriesOfHelper } from './credential-helper.ts';
import { type DockerConfig, type DockerConfigEntry, hub, nameOf, readDockerConfig } from './docker-config.ts';

export interface FoundLogin {
  readonly login?: RegistryLogin | undefined;
  /** Why there may be one that was not found. */
  readonly problem?: string | undefined;
}

export interface FoundLogins {
  readonly logins: Readonly<Record<string, RegistryLogin>>;
  readonly problems: readonly string[];
}

/** Logins for registries. A helper that fails is no failure here: most images need none. */
export interface RegistryLogins {
  forReference(reference: string, signal: AbortSignal): Promise<FoundLogin>;
  /** All of them, by registry: nobody knows beforehand what a build pulls. */
  all(signal: AbortSignal): Promise<FoundLogins>;
}

export interface DockerLoginsOptions {
  /** `config.json` of docker's. */
  readonly file: string;
  /** For credential helpers. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

const mostRegistries = 100;

/** What `docker login` keeps, in its config file or with a credential helper; read each time. */
export function dockerLogins({ file, env }: DockerLoginsOptions): RegistryLogins {
  return {
    async forReference(reference, signal) {
      const config = await readDockerConfig(file);
      return config === undefined ? {} : find(config, registryOf(reference) ?? hub, { env, signal });
    },
    async all(signal) {
      const config = await readDockerConfig(file);
      return config === undefined ? { logins: {}, problems: [] } : findAll(config, { env, signal });
    },
  };
}

interface Asking {
  readonly env: DockerLoginsOptions['env'];
  readonly signal: AbortSignal;
}

/** A helper of the registry's own counts first, then the one for all, then what the file has. */
async function find({ entries, store }: DockerConfig, registry: string, asking: Asking): Promise<FoundLogin> {
  const known = entries.filter((entry) => entry.registry === registry);
  const login = known.find((entry) => entry.login !== undefined)?.login;
  const helped = known.find(({ helper }) => helper !== undefined);
  const helper = helped?.helper ?? store;
  if (helper === undefined) return { login };
  try {
    const key = (helped ?? known[0])?.key ?? registry;
    return { login: (await loginFromHelper(helper, key, asking)) ?? login };
  } catch (error) {
    return { login, problem: problemOf(error, asking) };
  }
}

async function findAll(config: DockerConfig, asking: Asking): Promise<FoundLogins> {
  const listed = await listOf(config, asking);
  const entries: DockerConfigEntry[] = [...config.entries, ...listed.entries];
  const registries = [...new Set(entries.map(({ registry }) => registry))].slice(0, mostRegistries);
  const found = await Promise.all(
    registries.map(async (registry) => ({ registry, ...(await find({ ...config, entries }, registry, asking)) })),
  );
  const problems = [listed, ...found].flatMap(({ problem }) => problem ?? []);
  const logins = found.flatMap(({ registry, login }) => (login === undefined ? [] : [[registry, login] as const]));
  return { logins: Object.fromEntries(logins), problems: [...new Set(problems)] };
}

async function listOf({ store }: DockerConfig, asking: Asking) {
  if (store === undefined) return { entries: [] };
  try {
    const keys = await registriesOfHelper(store, asking);
    return { entries: keys.map((key) => ({ key, registry: nameOf(key) })) };
  } catch (error) {
    return { entries: [], problem: problemOf(error, asking) };
  }
}

function problemOf(error: unknown, { signal }: Asking): string {
  signal.throwIfAborted();
  if (isAppError(error, 'not-ready')) return error.message;
  throw error;
}

/** Where a registry refuses, why no login was found is told as well. */
export function withProblems(error: unknown, problems: readonly string[]): unknown {
  const isOfLogin = isAppError(error, 'refused') || isAppError(error, 'image-missing');
  if (!isOfLogin || problems.length === 0) return error;
  const { code, message, next } = error;
  return new AppError(code, `${message}; ${problems.join('; ')}`, {
    cause: error,
    ...(next !== undefined && { next }),
  });
}
