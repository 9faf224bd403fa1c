import { buffer } from 'node:stream/consumers';
import * as z from 'zod';
import { canonicalize } from '../base/canonical-json.ts';
import { AppError } from '../contracts/errors.ts';
import { type Digest, digestSchema } from '../contracts/ids.ts';
import { type Subagent, subagentSchema } from '../contracts/subagent.ts';
import type { NamePath, Storage } from '../storage/storage.ts';
import { findCredentials } from './credential-scan.ts';

export interface RegisteredSubagent {
  readonly name: string;
  /** Of the definition's canonical JSON, a blob in storage. */
  readonly digest: Digest;
}

export interface ResolvedSubagent extends RegisteredSubagent {
  readonly subagent: Subagent;
}

const nameRecordSchema = z.object({ digest: digestSchema });

/** Makes this definition the latest of its name, an earlier one registered again too. */
export async function registerSubagent(
  storage: Storage,
  namespace: string,
  subagent: z.input<typeof subagentSchema>,
): Promise<RegisteredSubagent> {
  const parsed = parseSubagent(subagent);
  refuseCredentials(parsed);
  const { digest } = await storage.putBlob(Buffer.from(canonicalize(parsed)));
  await storage.putName(pathOf(namespace, parsed.name), canonicalize({ digest }));
  return { name: parsed.name, digest };
}

/** The latest definition of a name, pinned by its digest. `unknown-name` when there is none. */
export async function resolveSubagent(storage: Storage, namespace: string, name: string): Promise<ResolvedSubagent> {
  const record = await storage.getName(pathOf(namespace, name));
  if (record === undefined) {
    throw new AppError(
      'unknown-name',
      `Cannot resolve subagent "${name}": namespace "${namespace}" has none of that name`,
      {
        next: 'Declare it in the config, or register it.',
      },
    );
  }
  const digest = readAs(nameRecordSchema, record, `name record of subagent "${name}"`).digest;
  const definition = (await buffer(storage.getBlob(digest))).toString('utf8');
  return { name, digest, subagent: readAs(subagentSchema, definition, `definition of subagent "${name}"`) };
}

/** Names and latest digests, sorted by name. */
export async function listSubagents(storage: Storage, namespace: string): Promise<RegisteredSubagent[]> {
  const registered: RegisteredSubagent[] = [];
  for (const name of await storage.listNames(namespace, 'subagent')) {
    const record = await storage.getName(pathOf(namespace, name));
    if (record === undefined) continue;
    registered.push({ name, digest: readAs(nameRecordSchema, record, `name record of subagent "${name}"`).digest });
  }
  return registered;
}

function parseSubagent(subagent: unknown): Subagent {
  const parsed = subagentSchema.safeParse(subagent);
  if (parsed.success) return parsed.data;
  throw new AppError('invalid-input', `Cannot register the subagent: ${z.prettifyError(parsed.error)}`, {
    cause: parsed.error,
  });
}

function refuseCredentials(subagent: Subagent): void {
  const [first] = findCredentials(subagent);
  if (first === undefined) return;
  throw new AppError(
    'refused',
    `Cannot register subagent "${subagent.name}": ${first.place} looks like ${first.kind}`,
    {
      next: 'Give credentials as secrets: a definition is stored and recorded in clear.',
    },
  );
}

function readAs<T>(schema: { parse(value: unknown): T }, text: string, what: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new AppError('state-corrupt', `Cannot read the ${what}: it does not have the expected form`, { cause });
  }
}

function pathOf(namespace: string, name: string): NamePath {
  return { namespace, type: 'subagent', name };
}
