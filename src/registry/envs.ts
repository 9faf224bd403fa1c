import { type EnvBundle, envBundleSchema, type GivenSecret, givenSecretSchema } from '../contracts/env-bundle.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { SecretStore } from '../secrets/secrets.ts';
import type { Storage } from '../storage/storage.ts';
import { invalidDefinition, parseDefinition, refuseCredentials } from './definition.ts';
import {
  listRegistered,
  moveName,
  type Pinned,
  type Registered,
  readName,
  resolvePin,
  storeDefinition,
} from './registered.ts';

export interface EnvPorts {
  readonly storage: Storage;
  readonly namespace: string;
  /** Where secrets that are given themselves are staged. */
  readonly secrets: SecretStore | undefined;
}

export interface GivenEnv {
  readonly name: string;
  readonly values?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, GivenSecret>>;
}

export interface ResolvedEnv extends Pinned {
  readonly env: EnvBundle;
}

export interface PreparedEnv extends Pinned {
  /** Refs of what was staged for it: to be removed again when it is not registered after all. */
  readonly staged: readonly string[];
}

/** Stages the secrets, checks and stores the bundle; no name leads to it yet. A failure leaves nothing staged. */
export async function prepareEnv(ports: EnvPorts, given: GivenEnv): Promise<PreparedEnv> {
  checkGiven(given);
  const staged: string[] = [];
  try {
    const secrets = await refsOf(ports, given, staged);
    const pinned = await storeDefinition(ports.storage, given.name, {
      name: given.name,
      values: given.values ?? {},
      secrets,
    } satisfies EnvBundle);
    return { ...pinned, staged };
  } catch (error) {
    await unstage(ports, staged);
    throw error;
  }
}

/**
 * Makes this bundle the latest of its name. Secrets of earlier contents stay staged, for what is pinned to them, until
 * they are collected as garbage.
 */
export async function registerEnv(ports: EnvPorts, given: GivenEnv): Promise<Registered> {
  const { staged, ...pinned } = await prepareEnv(ports, given);
  try {
    return await moveName(ports.storage, ports.namespace, 'env', pinned);
  } catch (error) {
    await unstage(ports, staged);
    throw error;
  }
}

/** Removes what was staged in vain. What some env refers to after all stays, and everything where that is not known. */
export async function unstage({ storage, namespace, secrets }: EnvPorts, refs: readonly string[]): Promise<void> {
  if (refs.length === 0) return;
  const inUse = await secretRefsInUse(storage, namespace).catch(() => undefined);
  if (inUse === undefined) return;
  for (const ref of refs) if (!inUse.has(ref)) await secrets?.remove(ref);
}

export async function resolveEnv(storage: Storage, namespace: string, pin: string): Promise<ResolvedEnv> {
  const form = { type: 'env', schema: envBundleSchema, nameOf: (env: EnvBundle) => env.name } as const;
  const { name, digest, definition } = await resolvePin(storage, namespace, pin, form);
  return { name, digest, env: definition };
}

/** Every secret ref that the latest content of some env holds. */
export async function secretRefsInUse(storage: Storage, namespace: string): Promise<Set<string>> {
  const refs = new Set<string>();
  for (const { name, digest } of await listRegistered(storage, namespace, 'env')) {
    const { env } = await resolveEnv(storage, namespace, `${name}@${digest}`);
    for (const ref of Object.values(env.secrets)) refs.add(ref);
  }
  return refs;
}

const knownKeys = Object.keys(envBundleSchema.shape);

function checkGiven({ name, values = {}, secrets = {}, ...others }: GivenEnv): void {
  const what = `env "${name}"`;
  const placeholder = 'env:GIVEN_LATER';
  const variables = Object.keys(secrets);
  // With stand-ins for the secrets, so that no message can hold one.
  const standIns = Object.fromEntries(variables.map((variable) => [variable, placeholder]));
  const bundle = parseDefinition(envBundleSchema, { ...others, name, values, secrets: standIns }, what, knownKeys);
  refuseCredentials(bundle, what);
  const twice = variables.find((variable) => Object.hasOwn(values, variable));
  if (twice !== undefined) {
    throw invalidDefinition(what, [{ path: `secrets.${twice}`, message: 'is a plain value as well: give it once' }]);
  }
  for (const [variable, secret] of Object.entries(secrets)) checkSecret(what, variable, secret);
  // A ref is kept in clear, and may be the secret itself behind the wrong word.
  const refs = Object.entries(secrets).map(([variable, secret]) => [variable, 'ref' in secret ? secret.ref : '']);
  refuseCredentials({ secrets: Object.fromEntries(refs) }, what);
}

function checkSecret(what: string, variable: string, secret: unknown): void {
  if (typeof secret === 'object' && secret !== null && 'inline' in secret && secret.inline === '') {
    throw new AppError('invalid-input', `Cannot register ${what}: secret ${variable} is empty`, {
      next: `If it was given as inline:$${variable}, that variable is not set in this shell.`,
    });
  }
  if (givenSecretSchema.safeParse(secret).success) return;
  const rule = 'must be a ref (local-secret://…, arn:…, file:<path> or env:<NAME>), or inline';
  throw invalidDefinition(what, [{ path: `secrets.${variable}`, message: rule }]);
}

async function refsOf(ports: EnvPorts, given: GivenEnv, staged: string[]): Promise<Record<string, string>> {
  const current = await currentRefs(ports, given.name);
  const refs: Record<string, string> = {};
  for (const [variable, secret] of Object.entries(given.secrets ?? {})) {
    if ('ref' in secret) {
      refs[variable] = secret.ref;
      continue;
    }
    const kept =
      secret.ttlSeconds === undefined ? await sameSecret(ports, current[variable], secret.inline) : undefined;
    refs[variable] = kept ?? (await stage(ports, given.name, variable, secret));
    if (kept === undefined) staged.push(refs[variable]);
  }
  return refs;
}

async function currentRefs({ storage, namespace }: EnvPorts, name: string): Promise<Record<string, string>> {
  try {
    const current = await readName(storage, namespace, 'env', name);
    if (current === undefined) return {};
    return (await resolveEnv(storage, namespace, `${name}@${current.digest}`)).env.secrets;
  } catch (error) {
    // What cannot be read is replaced: to register it again is the way out of that.
    if (isAppError(error, 'state-corrupt') || isAppError(error, 'not-found')) return {};
    throw error;
  }
}

// Registering the same again is the same content, and leaves no second copy of the secret. One that expires is another.
async function sameSecret({ secrets }: EnvPorts, ref: string | undefined, value: string): Promise<string | undefined> {
  if (ref === undefined || secrets?.knows(ref) !== true) return undefined;
  const kept = (await secrets.list()).find((staged) => staged.ref === ref);
  if (kept === undefined || kept.expiresAt !== undefined) return undefined;
  const isSame = await secrets.resolve(ref).then(
    (found) => found === value,
    () => false, // Removed meanwhile, or damaged: staged anew.
  );
  return isSame ? ref : undefined;
}

async function stage(
  { secrets }: EnvPorts,
  env: string,
  variable: string,
  secret: Extract<GivenSecret, { inline: string }>,
): Promise<string> {
  if (secrets === undefined) {
    throw new AppError(
      'refused',
      `Cannot register env "${env}": secret ${variable} is inline and there is no store for it`,
      {
        next: 'Give the client of the config a secretStore, such as new LocalSecretStore({ folder }).',
      },
    );
  }
  const { inline, ttlSeconds } = secret;
  const options = { name: `${env}.${variable}`, value: inline, ...(ttlSeconds === undefined ? {} : { ttlSeconds }) };
  return (await secrets.stage(options)).ref;
}
