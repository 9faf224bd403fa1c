import { AppError } from '../contracts/errors.ts';
import type { Digest } from '../contracts/ids.ts';
import { type GivenCapability, prepareCapability } from './capabilities.ts';
import { type EnvPorts, type GivenEnv, prepareEnv, unstage } from './envs.ts';
import { completeMoves } from './pending-moves.ts';
import { preparePipeline } from './pipelines.ts';
import { closedSecretStore, hashingStorage } from './planning.ts';
import { type Move, moveNames, type Pinned, type RegistryType, readName } from './registered.ts';
import { prepareSubagent } from './subagents.ts';

/** One thing to be registered together with others. */
export type Registration =
  | { readonly type: 'capability'; readonly given: GivenCapability }
  | { readonly type: 'pipeline'; readonly given: unknown }
  | { readonly type: 'env'; readonly given: GivenEnv }
  | { readonly type: 'subagent'; readonly given: unknown };

export interface PlannedChange {
  readonly action: 'create' | 'update' | 'unchanged';
  readonly type: RegistryType;
  readonly name: string;
  /** Undefined where a secret is still to be staged, whose ref is part of the content. */
  readonly digest: Digest | undefined;
}

export type Planned =
  | { readonly kind: 'change'; readonly change: PlannedChange }
  | { readonly kind: 'problem'; readonly error: AppError };

/** What registering each of them would do. Everything is checked and nothing is stored. */
export async function planRegistrations(
  ports: EnvPorts,
  registrations: readonly Registration[],
): Promise<readonly Planned[]> {
  const dry = {
    ...ports,
    storage: hashingStorage(ports.storage),
    secrets: ports.secrets && closedSecretStore(ports.secrets),
  };
  await completeMoves(ports.storage, ports.namespace);
  const planned: Planned[] = [];
  for (const registration of registrations) {
    try {
      planned.push({ kind: 'change', change: await planOne(dry, registration) });
    } catch (error) {
      if (!isOfInput(error)) throw error;
      planned.push({ kind: 'problem', error });
    }
  }
  return planned;
}

/**
 * Registers all of them or none: every content is stored before the first name is moved, a failure moves the names back,
 * and what a crash cut off among the names is completed when one is looked at. Returns the changes with every digest.
 */
export async function applyRegistrations(
  ports: EnvPorts,
  registrations: readonly Registration[],
  changes: readonly PlannedChange[],
): Promise<readonly PlannedChange[]> {
  const staged: string[] = [];
  try {
    const moves: Move[] = [];
    const done: PlannedChange[] = [];
    for (const [index, registration] of registrations.entries()) {
      const { staged: stagedForIt, ...pinned } = await prepare(ports, registration);
      staged.push(...stagedForIt);
      const change = changes[index];
      if (change === undefined || (change.digest ?? pinned.digest) !== pinned.digest) {
        throw changedMeanwhile(registration.type, pinned.name);
      }
      done.push({ ...change, digest: pinned.digest });
      if (change.action !== 'unchanged') moves.push({ type: registration.type, ...pinned });
    }
    await moveNames(ports.storage, ports.namespace, moves);
    return done;
  } catch (error) {
    await unstage(ports, staged);
    throw error;
  }
}

async function planOne(ports: EnvPorts, registration: Registration): Promise<PlannedChange> {
  const { type } = registration;
  const { name, digest, staged } = await prepare(ports, registration);
  const current = await readName(ports.storage, ports.namespace, type, name);
  const action = current === undefined ? 'create' : current.digest === digest ? 'unchanged' : 'update';
  return { action, type, name, digest: staged.length > 0 ? undefined : digest };
}

async function prepare(
  ports: EnvPorts,
  registration: Registration,
): Promise<Pinned & { readonly staged: readonly string[] }> {
  if (registration.type === 'env') return prepareEnv(ports, registration.given);
  return { ...(await prepareFiles(ports, registration)), staged: [] };
}

function prepareFiles(
  { storage }: EnvPorts,
  registration: Exclude<Registration, { readonly type: 'env' }>,
): Promise<Pinned> {
  if (registration.type === 'capability') return prepareCapability(storage, registration.given);
  const prepareOf = registration.type === 'pipeline' ? preparePipeline : prepareSubagent;
  return prepareOf(storage, registration.given);
}

const codesOfInput: readonly string[] = [
  'invalid-input',
  'refused',
  'limit-exceeded',
  'source-refused',
  'unknown-name',
];

function isOfInput(error: unknown): error is AppError {
  return error instanceof AppError && codesOfInput.includes(error.code);
}

function changedMeanwhile(type: RegistryType, name: string): AppError {
  const message = `Cannot register ${type} "${name}": it changed after it was planned`;
  return new AppError('source-refused', message, { next: 'Run the command again.' });
}
