import { type Capability, capabilityLimits, capabilitySchema } from '../contracts/capability.ts';
import { AppError } from '../contracts/errors.ts';
import { nameSchema } from '../contracts/ids.ts';
import type { Problem } from '../contracts/mailbox.ts';
import type { Storage } from '../storage/storage.ts';
import { type CapabilityFile, isCapabilityFile, sizeOf, storeFiles, tooLarge } from './capability-files.ts';
import { findClash, pathProblem } from './capability-paths.ts';
import { invalidDefinition, refuseCredentials } from './definition.ts';
import { moveName, type Pinned, type Registered, resolvePin, storeDefinition } from './registered.ts';

export interface GivenCapability {
  readonly name: string;
  /** By path with `/`, relative to the worktree. */
  readonly files: Readonly<Record<string, CapabilityFile>>;
}

export interface RegistryPlace {
  readonly storage: Storage;
  readonly namespace: string;
}

export interface ResolvedCapability extends Pinned {
  readonly capability: Capability;
}

/** Checks and stores the files and the list of them; no name leads to it yet. */
export async function prepareCapability(storage: Storage, given: GivenCapability): Promise<Pinned> {
  checkGiven(given);
  const files = await storeFiles(storage, given.name, Object.entries(given.files));
  return storeDefinition(storage, given.name, { name: given.name, files } satisfies Capability);
}

/** Makes these files the latest of the name, earlier ones registered again too. */
export async function registerCapability(
  { storage, namespace }: RegistryPlace,
  given: GivenCapability,
): Promise<Registered> {
  return moveName(storage, namespace, 'capability', await prepareCapability(storage, given));
}

export async function resolveCapability(storage: Storage, namespace: string, pin: string): Promise<ResolvedCapability> {
  const nameOf = (capability: Capability) => capability.name;
  const form = { type: 'capability', schema: capabilitySchema, nameOf } as const;
  const { name, digest, definition } = await resolvePin(storage, namespace, pin, form);
  return { name, digest, capability: definition };
}

/** How many problems are told at most. */
const mostProblems = 100;

function checkGiven(given: GivenCapability): void {
  // A sync provider or a program without types may give anything.
  const { name, files } = Object(given) as GivenCapability;
  const paths = Object.keys(files ?? {});
  const problems: Problem[] = [];
  const parsedName = nameSchema.safeParse(name);
  if (!parsedName.success) problems.push({ path: 'name', message: parsedName.error.issues[0]?.message ?? '' });
  if (paths.length === 0) problems.push({ path: '', message: 'it holds no files' });
  if (paths.length > capabilityLimits.files) throw tooMany(name);
  for (const path of paths) {
    const problem = pathProblem(path);
    if (problem !== undefined) problems.push({ path: JSON.stringify(path), message: problem });
    if (!isCapabilityFile(files[path]))
      problems.push({ path: JSON.stringify(path), message: 'must be text, bytes or { open }' });
  }
  const clash = findClash(paths);
  if (clash !== undefined) problems.push({ path: JSON.stringify(clash), message: 'is both a file and a folder' });
  const what = `capability "${name}"`;
  if (problems.length > 0) throw invalidDefinition(what, problems.slice(0, mostProblems));
  refuseCredentials({ name, files: paths }, what);
  const bytes = Object.values(files).reduce((sum, file) => sum + (sizeOf(file) ?? 0), 0);
  if (bytes > capabilityLimits.bytes) throw tooLarge(name);
}

function tooMany(name: string): AppError {
  return new AppError(
    'limit-exceeded',
    `Cannot register capability "${name}": more than ${capabilityLimits.files} files`,
    { next: 'Register only what its subagents need.' },
  );
}
