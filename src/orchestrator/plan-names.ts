import type { Declarations } from '../contracts/declarations.ts';
import { isAppError } from '../contracts/errors.ts';
import { pinSchema } from '../contracts/ids.ts';
import { defaultExecutorName, defaultNamespace, limits } from '../contracts/names.ts';
import type { Subagent } from '../contracts/subagent.ts';
import { resolveCapability } from '../registry/capabilities.ts';
import { resolveEnv } from '../registry/envs.ts';
import { resolvePipeline } from '../registry/pipelines.ts';
import { resolveSubagent } from '../registry/subagents.ts';
import type { Storage } from '../storage/storage.ts';
import { unknownName } from './unknown-name.ts';

export type NamedKind = 'subagent' | 'capability' | 'env' | 'pipeline';

/** What there is of everything a plan names and its config does not declare. */
export interface PlanNames {
  /** By the pin as written. */
  readonly subagents: ReadonlyMap<string, Subagent>;
  /** Why a pin leads nowhere, by `keyOf`. */
  readonly problems: ReadonlyMap<string, string>;
}

export function keyOf(kind: NamedKind, pin: string): string {
  return `${kind} ${pin}`;
}

/** Looks up everything a plan names, as far as the plan can be read. Raises what the storage raises when it is away. */
export async function lookUpNames(plan: unknown, storage: Storage, declarations: Declarations): Promise<PlanNames> {
  const subagents = new Map<string, Subagent>();
  const problems = new Map<string, string>();
  const looked = new Set<string>();
  const look = async (kind: NamedKind, pin: string): Promise<void> => {
    if (looked.has(keyOf(kind, pin)) || problems.size >= limits.planProblems) return;
    looked.add(keyOf(kind, pin));
    const subagent = kind === 'subagent' ? declaredOf(declarations, pin) : undefined;
    try {
      const found = subagent ?? (await resolvers[kind](storage, declarations.namespace ?? defaultNamespace, pin));
      if (found === undefined) return;
      subagents.set(pin, found);
      for (const capability of found.capabilities ?? []) await look('capability', capability);
      if (found.pipeline !== undefined) await look('pipeline', found.pipeline);
    } catch (error) {
      if (!isAppError(error) || passing.has(error.code)) throw error;
      problems.set(keyOf(kind, pin), await problemOf(kind, pin, { storage, declarations, message: error.message }));
    }
  };
  for (const [kind, pin] of pinsIn(plan)) await look(kind, pin);
  return { subagents, problems };
}

export function declaredOf({ subagents }: Declarations, name: string): Subagent | undefined {
  return Object.hasOwn(subagents, name) ? subagents[name] : undefined;
}

const passing: ReadonlySet<string> = new Set(['unreachable', 'disk-full', 'interrupted']);

type Resolver = (storage: Storage, namespace: string, pin: string) => Promise<Subagent | undefined>;

const resolvers: Readonly<Record<NamedKind, Resolver>> = {
  subagent: async (...of) => (await resolveSubagent(...of)).subagent,
  capability: (...of) => resolveCapability(...of).then(() => undefined),
  env: (...of) => resolveEnv(...of).then(() => undefined),
  pipeline: (...of) => resolvePipeline(...of).then(() => undefined),
};

async function problemOf(
  kind: NamedKind,
  pin: string,
  at: { readonly storage: Storage; readonly declarations: Declarations; readonly message: string },
): Promise<string> {
  if (pin.includes('@')) return at.message;
  const registered = await at.storage.listNames(at.declarations.namespace ?? defaultNamespace, kind);
  const declared = kind === 'subagent' ? Object.keys(at.declarations.subagents) : [];
  return unknownName(kind, pin, { declared, registered });
}

/** Every pin of the dispatch items of a plan, whatever else is wrong with it. */
function* pinsIn(plan: unknown): Generator<readonly [NamedKind, string]> {
  for (const item of listOf(memberOf(plan, 'items'))) {
    if ((memberOf(item, 'executor') ?? defaultExecutorName) !== defaultExecutorName) continue;
    const inputs = memberOf(item, 'inputs');
    for (const [key, kind] of pinKeys) {
      const value = memberOf(inputs, key);
      for (const pin of Array.isArray(value) ? listOf(value) : [value]) {
        if (pinSchema.safeParse(pin).success) yield [kind, String(pin)];
      }
    }
  }
}

/** The inputs that name something, and what. */
export const pinKeys = [
  ['subagent', 'subagent'],
  ['env', 'env'],
  ['capabilities', 'capability'],
  ['addCapabilities', 'capability'],
  ['pipeline', 'pipeline'],
] as const satisfies readonly (readonly [string, NamedKind])[];

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}
