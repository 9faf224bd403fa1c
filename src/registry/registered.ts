import { buffer } from 'node:stream/consumers';
import * as z from 'zod';
import { canonicalize } from '../base/canonical-json.ts';
import { mapAhead } from '../base/map-ahead.ts';
import { suggestion } from '../base/suggest.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { type Digest, digestSchema, pinSchema } from '../contracts/ids.ts';
import type { NameType, Storage } from '../storage/storage.ts';
import { completeMoves, moveTogether } from './pending-moves.ts';

/** What can be registered. */
export type RegistryType = Extract<NameType, 'capability' | 'subagent' | 'env' | 'pipeline'>;

/** A name and the content it led to when it was looked up. */
export interface Pinned {
  readonly name: string;
  /** Of the definition's canonical JSON, a blob in storage. */
  readonly digest: Digest;
}

export interface Registered extends Pinned {
  /** When this content became the latest; undefined in records of before that was kept. */
  readonly registeredAt: string | undefined;
}

const nameRecordSchema = z.object({ digest: digestSchema, registeredAt: z.iso.datetime().optional() });

/** A definition lists at most some thousand files; whatever is larger is none. */
const mostDefinitionBytes = 32 * 1024 * 1024;

/** Name records read at once, where each read may be a request. */
const readsAhead = 16;

/** Stores a checked definition; no name leads to it yet. */
export async function storeDefinition(storage: Storage, name: string, definition: unknown): Promise<Pinned> {
  const { digest } = await storage.putBlob(Buffer.from(canonicalize(definition)));
  return { name, digest };
}

/** Makes a stored definition the latest of its name, an earlier one too. */
export async function moveName(
  storage: Storage,
  namespace: string,
  type: RegistryType,
  { name, digest }: Pinned,
): Promise<Registered> {
  const registeredAt = new Date().toISOString();
  await completeMoves(storage, namespace);
  await storage.putName({ namespace, type, name }, canonicalize({ digest, registeredAt }));
  return { name, digest, registeredAt };
}

export interface Move extends Pinned {
  readonly type: RegistryType;
}

/** Makes all of them the latest of their names, or none, whatever fails or is killed. */
export async function moveNames(storage: Storage, namespace: string, moves: readonly Move[]): Promise<void> {
  const registeredAt = new Date().toISOString();
  const texts = moves.map(({ type, name, digest }) => ({ type, name, text: canonicalize({ digest, registeredAt }) }));
  await moveTogether(storage, namespace, texts);
}

/** What a name leads to now, or undefined. */
export async function readName(
  storage: Storage,
  namespace: string,
  type: RegistryType,
  name: string,
): Promise<Registered | undefined> {
  await completeMoves(storage, namespace);
  return readRecordOf(storage, namespace, type, name);
}

async function readRecordOf(
  storage: Storage,
  namespace: string,
  type: RegistryType,
  name: string,
): Promise<Registered | undefined> {
  const text = await storage.getName({ namespace, type, name });
  if (text === undefined) return undefined;
  const { digest, registeredAt } = readAs(nameRecordSchema, text, `name record of ${type} "${name}"`);
  return { name, digest, registeredAt };
}

/** Everything of a type with its latest digest, sorted by name. */
export async function listRegistered(storage: Storage, namespace: string, type: RegistryType): Promise<Registered[]> {
  await completeMoves(storage, namespace);
  const registered: Registered[] = [];
  const read = (name: string) => readRecordOf(storage, namespace, type, name);
  for await (const found of mapAhead(await storage.listNames(namespace, type), readsAhead, read)) {
    if (found !== undefined) registered.push(found);
  }
  return registered;
}

/** Forgets a name, also one that cannot be read. Its content stays in storage: what was pinned to it still finds it. */
export async function removeRegistered(
  storage: Storage,
  namespace: string,
  type: RegistryType,
  name: string,
): Promise<void> {
  await completeMoves(storage, namespace);
  if ((await storage.getName({ namespace, type, name })) === undefined) {
    throw await unknownName(storage, namespace, type, name, 'remove');
  }
  await storage.removeName({ namespace, type, name });
}

export interface DefinitionForm<T> {
  readonly type: RegistryType;
  readonly schema: { parse(value: unknown): T };
  readonly nameOf: (definition: T) => string;
}

/** The definition a pin leads to: the latest of a name, or the very content that `name@sha256:…` says. */
export async function resolvePin<T>(
  storage: Storage,
  namespace: string,
  pin: string,
  { type, schema, nameOf }: DefinitionForm<T>,
): Promise<Pinned & { readonly definition: T }> {
  const wanted = parsePin(pin, type);
  const digest = wanted.digest ?? (await readName(storage, namespace, type, wanted.name))?.digest;
  if (digest === undefined) throw await unknownName(storage, namespace, type, wanted.name, 'use');
  const definition = readAs(schema, await readText(storage, digest, `${type} "${pin}"`), `${type} "${pin}"`);
  if (nameOf(definition) !== wanted.name) {
    throw new AppError('unknown-name', `Cannot use ${type} "${pin}": that content is "${nameOf(definition)}"`);
  }
  return { name: wanted.name, digest, definition };
}

function parsePin(pin: string, type: RegistryType): { readonly name: string; readonly digest: Digest | undefined } {
  const parsed = pinSchema.safeParse(pin);
  if (!parsed.success) {
    throw new AppError('invalid-input', `Cannot use ${type} "${pin}": it must be a name, or name@sha256:<hex>`);
  }
  const [name = '', digest] = parsed.data.split('@');
  return { name, digest: digest === undefined ? undefined : digestSchema.parse(digest) };
}

async function readText(storage: Storage, digest: Digest, what: string): Promise<string> {
  const found = await storage.statBlob(digest);
  if (found === undefined) {
    throw new AppError('not-found', `Cannot use ${what}: its content ${digest} is not in storage`, {
      next: 'Register it again, or use a digest that was registered here.',
    });
  }
  if (found.sizeBytes > mostDefinitionBytes) throw corrupt(what);
  return (await buffer(storage.getBlob(digest))).toString('utf8');
}

async function unknownName(
  storage: Storage,
  namespace: string,
  type: RegistryType,
  name: string,
  verb: string,
): Promise<AppError> {
  const near = suggestion(name, await storage.listNames(namespace, type));
  const message = `Cannot ${verb} ${type} "${name}": namespace "${namespace}" has none of that name${near}`;
  return new AppError('unknown-name', message, { next: `agora ${commandGroups[type]} list` });
}

const commandGroups = { capability: 'capabilities', subagent: 'subagent', env: 'env', pipeline: 'pipeline' } as const;

function readAs<T>(schema: { parse(value: unknown): T }, text: string, what: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    if (isAppError(cause)) throw cause;
    throw corrupt(what, cause);
  }
}

function corrupt(what: string, cause?: unknown): AppError {
  return new AppError('state-corrupt', `Cannot read ${what}: it does not have the expected form`, {
    next: 'Register it again: somebody else wrote to the storage, or a newer Agora did.',
    cause,
  });
}
