import { z } from 'zod';
import { planSchema } from '../src/contracts/plan.ts';

/** The published JSON Schema files, by name: made from the schemas the code itself parses with. */
export function jsonSchemaFiles(): Readonly<Record<string, string>> {
  return { 'plan.schema.json': schemaText('Agora plan', planSchema) };
}

function schemaText(title: string, schema: z.ZodType): string {
  // What a person writes, where what has a default may be left out.
  const { $schema, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input' });
  return `${JSON.stringify({ $schema, title, ...rest }, undefined, 2)}\n`;
}
