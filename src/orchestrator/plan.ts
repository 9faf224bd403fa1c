import { randomBytes } from 'node:crypto';
import { canonicalize } from '../base/canonical-json.ts';
import { digestOf } from '../base/hash.ts';
import { schemaWords } from '../base/schema-words.ts';
import { parseStrictJson, StrictJsonError } from '../base/strict-json.ts';
import type { Declarations } from '../contracts/declarations.ts';
import { type Digest, digestSchema, itemIdSchema, nameSchema, runIdSchema } from '../contracts/ids.ts';
import type { Problem } from '../contracts/mailbox.ts';
import { defaultQueueName, limits } from '../contracts/names.ts';
import { itemSchema, needSchema, type Plan, planSchema, resourcesSchema, retrySchema } from '../contracts/plan.ts';
import { schemaProblems } from '../registry/schema-problems.ts';
import type { Storage } from '../storage/storage.ts';
import { checkPlan, type PlanSketch } from './plan-checks.ts';
import { lookUpNames, type PlanNames } from './plan-names.ts';

export type PlanReading =
  | { readonly kind: 'plan'; readonly plan: Plan; readonly planDigest: Digest /** JCS. */; readonly text: string }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

export interface ReadingOptions {
  /** Instead of what the plan says. */
  readonly id?: string;
  readonly queue?: string;
  /** What is registered of all it names. Default: only what the config declares is known. */
  readonly names?: PlanNames;
}

/** Reads a plan file: strict JSON, the schema, then everything the schema cannot say. Collects every problem. */
export async function readPlan(
  content: string | Uint8Array,
  at: { readonly declarations: Declarations; readonly storage: Storage },
  options: Omit<ReadingOptions, 'names'> = {},
): Promise<PlanReading> {
  const parsed = parsePlan(content);
  if (parsed.kind === 'invalid') return parsed;
  const names = await lookUpNames(parsed.value, at.storage, at.declarations);
  return checkValue(parsed.value, at.declarations, { ...options, names });
}

export type ParsedPlan = { readonly kind: 'json'; readonly value: unknown } | Extract<PlanReading, { kind: 'invalid' }>;

/** The strict JSON of a plan file. */
export function parsePlan(content: string | Uint8Array): ParsedPlan {
  try {
    const value = parseStrictJson(content, {
      maxBytes: limits.planBytes,
      maxDepth: limits.planDepth,
      maxStringBytes: limits.planStringBytes,
      numbers: 'double',
    });
    return { kind: 'json', value };
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    return {
      kind: 'invalid',
      problems: [{ path: error.path, message: `${error.message} (line ${error.line}, column ${error.column})` }],
    };
  }
}

/** Checks a plan that was parsed before, such as one inside a submission. */
export function checkValue(value: unknown, declarations: Declarations, options: ReadingOptions = {}): PlanReading {
  const tooMany = countProblem(value);
  if (tooMany !== undefined) return { kind: 'invalid', problems: [tooMany] };

  const known = { declarations, names: options.names };
  const written = withOverrides(value, options);
  const parsed = planSchema.safeParse(written, { error: schemaWords });
  if (!parsed.success) {
    const problems = [...schemaProblems(parsed.error, knownKeys), ...checkPlan(sketchOf(written), known)];
    return { kind: 'invalid', problems: problems.slice(0, limits.planProblems) };
  }

  const { $schema: _, ...rest } = parsed.data;
  const plan: Plan = { ...rest, id: rest.id ?? generatedRunId() };
  const problems = checkPlan({ ...plan, ids: plan.items.map((item) => item.id) }, known);
  if (problems.length > 0) return { kind: 'invalid', problems };

  const text = canonicalize(plan);
  return { kind: 'plan', plan, planDigest: digestSchema.parse(digestOf(text)), text };
}

/** What of a plan with schema problems can be read nevertheless, so that its other problems are found too. */
function sketchOf(written: unknown): PlanSketch {
  const { items, queue } = (typeof written === 'object' && written !== null ? written : {}) as Record<string, unknown>;
  const list: readonly unknown[] = Array.isArray(items) ? items : [];
  return {
    queue: nameSchema.safeParse(queue ?? defaultQueueName).data,
    items: list.map((item) => lenientItem.safeParse(item).data),
    ids: list.map((item) => itemIdSchema.safeParse(Reflect.get(Object(item), 'id')).data),
  };
}

const lenientItem = itemSchema.strip();

/** Checked before the schema: a million items would otherwise yield a million problems. */
function countProblem(value: unknown): Problem | undefined {
  const items = typeof value === 'object' && value !== null && 'items' in value ? value.items : undefined;
  if (!Array.isArray(items) || items.length <= limits.planItems) return undefined;
  return { path: 'items', message: `holds ${items.length} items, the limit is ${limits.planItems}` };
}

function withOverrides(value: unknown, options: ReadingOptions): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return {
    ...value,
    ...(options.id === undefined ? {} : { id: options.id }),
    ...(options.queue === undefined ? {} : { queue: options.queue }),
  };
}

function generatedRunId() {
  return runIdSchema.parse(`run-${randomBytes(6).toString('hex')}`);
}

const knownKeys = [
  ...Object.keys(planSchema.shape),
  ...Object.keys(itemSchema.shape),
  ...Object.keys(retrySchema.shape),
  ...Object.keys(resourcesSchema.shape),
  ...Object.keys(needSchema.shape),
];
