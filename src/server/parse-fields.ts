import type * as z from 'zod';
import { schemaWords } from '../base/schema-words.ts';
import { AppError } from '../contracts/errors.ts';

const mostProblems = 10;

/** What a schema makes of it; `invalid-input` names each place that does not fit. */
export function parseFields(schema: z.ZodType, given: unknown, where: string): unknown {
  const parsed = schema.safeParse(given ?? {}, { error: schemaWords });
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const told = issues
    .slice(0, mostProblems)
    .map(({ path, message }) => `${path.map(String).join('.') || 'all of it'}: ${message}`);
  const more = issues.length > mostProblems ? [`and ${issues.length - mostProblems} more`] : [];
  throw new AppError('invalid-input', `Cannot read ${where}: ${[...told, ...more].join('; ')}`);
}
