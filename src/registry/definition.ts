import type * as z from 'zod';
import { schemaWords } from '../base/schema-words.ts';
import { AppError } from '../contracts/errors.ts';
import type { Problem } from '../contracts/mailbox.ts';
import { findCredentials } from './credential-scan.ts';
import { schemaProblems } from './schema-problems.ts';

/** A value as its schema has it. All its problems are in one `invalid-input`, with their JSON paths. */
export function parseDefinition<T>(
  schema: z.ZodType<T>,
  value: unknown,
  what: string,
  knownKeys: readonly string[],
): T {
  const parsed = schema.safeParse(value, { error: schemaWords });
  if (parsed.success) return parsed.data;
  throw invalidDefinition(what, schemaProblems(parsed.error, knownKeys));
}

/** One problem is told in the sentence, several one line each. */
export function invalidDefinition(what: string, problems: readonly Problem[]): AppError {
  const [first = '', ...others] = problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  const told =
    others.length === 0 ? first : `${problems.length} problems\n${[first, ...others].map(indented).join('\n')}`;
  return new AppError('invalid-input', `Cannot register ${what}: ${told}`);
}

function indented(line: string): string {
  return `  ${line}`;
}

/** Refuses what looks like a credential anywhere in a definition, which is stored and recorded in clear. */
export function refuseCredentials(definition: unknown, what: string): void {
  const [first] = findCredentials(definition);
  if (first === undefined) return;
  throw new AppError('refused', `Cannot register ${what}: ${first.place} looks like ${first.kind}`, {
    next: 'Give it as a secret of an env: a definition is stored and recorded in clear.',
  });
}

/** How messages name a definition that may not be one: `subagent "edit"`. */
export function whatOf(type: string, given: unknown, nameKey: string): string {
  const name: unknown = typeof given === 'object' && given !== null ? Reflect.get(given, nameKey) : undefined;
  return typeof name === 'string' ? `${type} ${JSON.stringify(name.slice(0, 128))}` : `the ${type}`;
}
