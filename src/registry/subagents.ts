import type * as z from 'zod';
import type { Problem } from '../contracts/mailbox.ts';
import { type Subagent, subagentFields, subagentSchema } from '../contracts/subagent.ts';
import type { Storage } from '../storage/storage.ts';
import { invalidDefinition, parseDefinition, refuseCredentials, whatOf } from './definition.ts';
import { moveName, type Pinned, type Registered, resolvePin, storeDefinition } from './registered.ts';
import { templateProblem } from './template.ts';

/** As a caller gives it, before its schema fills in the runtime. */
export type GivenSubagent = z.input<typeof subagentSchema>;

export interface ResolvedSubagent extends Pinned {
  readonly subagent: Subagent;
}

/** Checks and stores the definition; no name leads to it yet. */
export async function prepareSubagent(storage: Storage, given: unknown): Promise<Pinned> {
  const what = whatOf('subagent', given, 'name');
  const subagent = parseDefinition(subagentSchema, given, what, Object.keys(subagentFields.shape));
  const problems = templateProblems(subagent);
  if (problems.length > 0) throw invalidDefinition(what, problems);
  refuseCredentials(subagent, what);
  return storeDefinition(storage, subagent.name, subagent);
}

/** What of a subagent is filled in later and cannot be. */
export function templateProblems({ command = [], promptTemplate }: Subagent): Problem[] {
  const elements = command.map((element, index) => [`command[${index}]`, element] as const);
  const prompts = promptTemplate === undefined ? [] : [['promptTemplate', promptTemplate] as const];
  return [...elements, ...prompts].flatMap(([path, template]) => {
    const message = templateProblem(template);
    return message === undefined ? [] : [{ path, message }];
  });
}

/** Makes this definition the latest of its name, an earlier one registered again too. */
export async function registerSubagent(storage: Storage, namespace: string, given: GivenSubagent): Promise<Registered> {
  return moveName(storage, namespace, 'subagent', await prepareSubagent(storage, given));
}

/** The definition a pin leads to. `unknown-name` when there is none. */
export async function resolveSubagent(storage: Storage, namespace: string, pin: string): Promise<ResolvedSubagent> {
  const form = { type: 'subagent', schema: subagentSchema, nameOf: (subagent: Subagent) => subagent.name } as const;
  const { name, digest, definition } = await resolvePin(storage, namespace, pin, form);
  return { name, digest, subagent: definition };
}
