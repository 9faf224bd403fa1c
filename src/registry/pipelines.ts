import type * as z from 'zod';
import { schemaWords } from '../base/schema-words.ts';
import type { Problem } from '../contracts/mailbox.ts';
import { type Pipeline, pipelineSchema } from '../contracts/pipeline.ts';
import type { Storage } from '../storage/storage.ts';
import { invalidDefinition, refuseCredentials, whatOf } from './definition.ts';
import { moveName, type Pinned, type Registered, resolvePin, storeDefinition } from './registered.ts';
import { schemaProblems } from './schema-problems.ts';

export type GivenPipeline = z.input<typeof pipelineSchema>;

export interface ResolvedPipeline extends Pinned {
  readonly pipeline: Pipeline;
}

/** Checks and stores the definition; no name leads to it yet. Its name is its id. */
export async function preparePipeline(storage: Storage, given: unknown): Promise<Pinned> {
  const pipeline = parsePipeline(given);
  refuseCredentials(pipeline, `pipeline "${pipeline.id}"`);
  return storeDefinition(storage, pipeline.id, pipeline);
}

export async function registerPipeline(storage: Storage, namespace: string, given: GivenPipeline): Promise<Registered> {
  return moveName(storage, namespace, 'pipeline', await preparePipeline(storage, given));
}

export async function resolvePipeline(storage: Storage, namespace: string, pin: string): Promise<ResolvedPipeline> {
  const form = { type: 'pipeline', schema: pipelineSchema, nameOf: (pipeline: Pipeline) => pipeline.id } as const;
  const { name, digest, definition } = await resolvePin(storage, namespace, pin, form);
  return { name, digest, pipeline: definition };
}

const knownKeys = [...Object.keys(pipelineSchema.shape), 'kind', 'command', 'timeoutSeconds', 'lens', 'what'];

function parsePipeline(given: unknown): Pipeline {
  const problems = pipelineProblems(given);
  if (problems.length > 0) throw invalidDefinition(whatOf('pipeline', given, 'id'), problems);
  return pipelineSchema.parse(given);
}

/** Everything wrong with a pipeline, with JSON paths. */
export function pipelineProblems(given: unknown): Problem[] {
  const parsed = pipelineSchema.safeParse(given, { error: schemaWords });
  const ordered = orderProblems(blocksOf(given));
  // What the order says of a kind is clearer than the schema's list of kinds.
  const told = new Set(ordered.map((problem) => problem.path));
  const found = parsed.success ? [] : schemaProblems(parsed.error, knownKeys).filter(({ path }) => !told.has(path));
  return [...found, ...ordered];
}

interface SketchedBlock {
  readonly kind: unknown;
  readonly what: unknown;
}

function blocksOf(given: unknown): SketchedBlock[] {
  const blocks: unknown = typeof given === 'object' && given !== null ? Reflect.get(given, 'blocks') : undefined;
  if (!Array.isArray(blocks)) return [];
  return blocks.map((block: unknown) => {
    const fields = Object(block) as Record<string, unknown>;
    return { kind: fields['kind'], what: fields['what'] };
  });
}

/** What no single block can be blamed for by the schema: one agent, each thing captured once, no seal. */
function orderProblems(blocks: readonly SketchedBlock[]): Problem[] {
  if (blocks.length === 0) return [];
  const problems: Problem[] = [];
  const firsts = new Map<string, number>();
  for (const [index, { kind, what }] of blocks.entries()) {
    const path = `blocks[${index}].kind`;
    if (kind === 'seal')
      problems.push({ path, message: 'seal is implicit: every result is sealed at its end; leave it out' });
    const once = kind === 'agent' ? 'agent' : kind === 'capture' ? `capture ${String(what)}` : undefined;
    if (once === undefined) continue;
    const first = firsts.get(once);
    if (first !== undefined) problems.push({ path, message: `${once} is there already, as blocks[${first}]` });
    else firsts.set(once, index);
  }
  if (!firsts.has('agent')) problems.push({ path: 'blocks', message: 'must hold one agent block' });
  return problems;
}
