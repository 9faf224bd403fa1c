import { z } from 'zod';
import { markdownTable } from './markdown-table.ts';

/** The members of a JSON Schema that our own schemas produce. */
interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
}

const pinPattern = '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(@sha256:[0-9a-f]{64})?$';
const sizePattern = '^[0-9]+(\\.[0-9]+)?[kmgt]?b?$';
const timePattern = '^[0-9]+(\\.[0-9]+)?(ms|s|m|h)$';
const idPattern = '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$';

/** A table for the members of a schema, then one for each object below it. `path` is where it stands. */
export function schemaSections(title: string, schema: z.ZodType, path = ''): string[] {
  return sections(title, schemaOf(schema), path);
}

function schemaOf(schema: z.ZodType): Schema {
  // Its members are those that were read from it here before.
  return z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input' }) as Schema;
}

/** A table for the members of an object, then one for each object below it. */
function sections(title: string, schema: Schema, path = ''): string[] {
  const properties = Object.entries(schema.properties ?? {});
  const rows = properties.map(([name, member]) => {
    const [meaning, written] = splitDefault(member.description ?? '');
    return [`\`${name}\``, typeText(member), defaultText(member, written, schema.required?.includes(name)), meaning];
  });
  const below = properties.flatMap(([name, member]) => {
    const inner = objectOf(member, path === '' ? name : `${path}.${name}`);
    return inner === undefined ? [] : sections(`\`${inner.path}\``, inner.schema, inner.path);
  });
  const about = path === '' || schema.description === undefined ? [] : [schema.description];
  return [
    [`## ${title}`, ...about, markdownTable(['member', 'type', 'default', 'meaning'], rows)].join('\n\n'),
    ...below,
  ];
}

function objectOf(schema: Schema, path: string): { readonly schema: Schema; readonly path: string } | undefined {
  if (schema.properties !== undefined) return { schema, path };
  if (schema.items?.properties !== undefined) return { schema: schema.items, path: `${path}[]` };
  const values = schema.additionalProperties;
  if (typeof values === 'object' && values.properties !== undefined) return { schema: values, path: `${path}.<key>` };
  return undefined;
}

/** Defaults that the schema leaves to later are in the last words of a description. */
function splitDefault(description: string): readonly [meaning: string, written: string | undefined] {
  const match = /^(.*?)\s*Default: (.*)\.$/.exec(description);
  return match === null ? [description, undefined] : [match[1] ?? '', match[2]];
}

function defaultText(schema: Schema, written: string | undefined, isRequired = false): string {
  if (isRequired) return 'required';
  if (schema.default !== undefined) return `\`${JSON.stringify(schema.default)}\``;
  return written ?? '–';
}

function typeText(schema: Schema): string {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(' or ');
  if (schema.oneOf !== undefined) return schema.oneOf.map(shapeText).join(' or ');
  if (schema.anyOf !== undefined && schema.type === undefined) return alternatives(schema.anyOf);
  if (schema.type === 'array')
    return `array of ${schema.items?.properties ? 'objects' : typeText(schema.items ?? {})}${atLeast(schema)}`;
  if (schema.type === 'object') return objectText(schema);
  if (schema.pattern === idPattern) return 'id';
  if (schema.pattern === pinPattern) return 'pin';
  if (schema.type === 'string') return `string${lengthText(schema)}`;
  if (schema.type === 'integer' || schema.type === 'number') return `${schema.type}${rangeText(schema)}`;
  return schema.type ?? 'any JSON';
}

/** Values that may be anything are called so; numbers with a unit by what they are. */
function alternatives(schemas: readonly Schema[]): string {
  if (schemas.some(({ pattern }) => pattern?.toLowerCase() === sizePattern)) return 'size';
  if (schemas.some(({ pattern }) => pattern === timePattern)) return 'time';
  return schemas.length > 3 ? 'any JSON' : [...new Set(schemas.map(typeText))].join(' or ');
}

function objectText(schema: Schema): string {
  if (schema.properties !== undefined) return 'object, below';
  const values = schema.additionalProperties;
  if (typeof values !== 'object') return 'object';
  return values.properties === undefined ? `object of ${typeText(values)}` : 'object of objects, below';
}

function shapeText(schema: Schema): string {
  const members = Object.entries(schema.properties ?? {}).map(([name, member]) => `"${name}": ${bareText(member)}`);
  return `\`{ ${members.join(', ')} }\``;
}

function bareText(schema: Schema): string {
  return schema.const === undefined ? (schema.type ?? 'any') : JSON.stringify(schema.const);
}

function atLeast({ minItems }: Schema): string {
  return minItems === undefined ? '' : `, at least ${minItems}`;
}

function lengthText({ maxLength }: Schema): string {
  return maxLength === undefined ? '' : ` of at most ${maxLength} characters`;
}

function rangeText({ minimum, exclusiveMinimum, maximum }: Schema): string {
  const low = exclusiveMinimum === undefined ? minimum : `above ${exclusiveMinimum}`;
  if (maximum === undefined || maximum === Number.MAX_SAFE_INTEGER) return low === undefined ? '' : `, ${low}`;
  return `, ${low} to ${maximum}`;
}
