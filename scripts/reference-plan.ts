import { z } from 'zod';
import { dispatchInputsSchema } from '../src/contracts/dispatch-inputs.ts';
import { limits } from '../src/contracts/names.ts';
import { planSchema } from '../src/contracts/plan.ts';
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
const idPattern = '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$';
const mebibyte = 1024 * 1024;

/** The page on plans, made from the schema that reads them. */
export function planPage(): string {
  const inputs = schemaOf(dispatchInputsSchema);
  const tables = [
    ...sections('The plan', schemaOf(planSchema)),
    ...sections('`items[].inputs` of the executor `dispatch`', inputs, 'items[].inputs'),
  ];
  return `${[introduction, ...tables, rules()].join('\n\n')}\n`;
}

function schemaOf(schema: z.ZodType): Schema {
  // Its members are those that were read from it here before.
  return z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input' }) as Schema;
}

const introduction = `# plan.json

<!-- Made by "npm run docs" from src/contracts/plan.ts; do not edit. -->

A plan describes one run: the items, what each waits for, what it locks and what it runs. Strict JSON in UTF-8. The same
as a JSON Schema, for editors: [\`schemas/plan.schema.json\`](../../schemas/plan.schema.json); name it in \`$schema\`.

The smallest plan has one item:

\`\`\`json
{ "items": [{ "id": "greet", "inputs": { "subagent": "hello" } }] }
\`\`\`

\`agora orch validate plan.json\` finds every problem at once and names each by its path; \`agora orch submit\` checks the
same, and the daemon checks again.

"id" below means 1 to 128 characters of \`A-Z a-z 0-9 . _ -\`, the first a letter or digit; "pin" the name of something
declared or registered, or \`name@sha256:<hex>\` for one content of it.`;

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

/** Values that may be anything are called so. */
function alternatives(schemas: readonly Schema[]): string {
  return schemas.length > 3 ? 'any JSON' : schemas.map(typeText).join(' or ');
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
  if (maximum === undefined) return low === undefined ? '' : `, ${low}`;
  return `, ${low} to ${maximum}`;
}

function rules(): string {
  return `## What else is checked

- Item ids are unique; \`depends_on\` and \`needs\` name items of the plan and make no cycle.
- The queue, the executor and the target are declared in the config; the subagent is declared there or registered.
- Environments, capabilities and pipelines are registered, those that the subagent itself brings too.
- A command or prompt template finds each variable it names in the item's \`workerInput\`.
- \`network: "none"\` does not contradict a subagent or runtime that needs \`internet\`.
- Nothing in \`workerInput\` or \`env\` looks like a credential: a plan is recorded in clear.
- Nothing is there twice or misspelt: duplicate and unknown keys are errors, the latter with a suggestion.
- Sizes: ${limits.planBytes / mebibyte} MiB for the file, ${limits.planItems.toLocaleString('en')} items, ${limits.planStringBytes / mebibyte} MiB for one string, depth ${limits.planDepth}.

## One plan, one run

The id and the digest of the plan (SHA-256 of its [JCS](https://www.rfc-editor.org/rfc/rfc8785) text with the schema's own
defaults filled in) name a run. The same plan under the same id is the same run, and submitting it again says so. Another plan
under that id is refused; \`--id\` gives a new one.

## Values that come from elsewhere

\`resources\` and \`timeoutSeconds\`: the item's, else the subagent's, else \`defaults\` of the config, else the default above,
member by member. \`retry\`: the item's, else \`defaults\`, else the default above. \`network\`: the item's, else the subagent's, else
what its runtime needs: \`internet\` for \`claude-code\`, else \`none\`. \`model\`: the item's, else the subagent's, else the executor's.

Environment, later ones winning: the subagent's \`env\`, the values of the executor's environments, those of \`inputs.env\` in order,
the item's \`env\`. Secrets: those of the environments in the same order, then the executor's \`secrets\`. Where a name is both, the
secret wins. A secret is looked up just before each attempt starts; one that is not there fails the item with \`secret-missing\`.

Names of what is registered are looked up when the daemon takes the run, and again when a daemon starts; until all are there the run
waits and says which is not. A pin \`name@sha256:<hex>\` leads to the same content for ever. The manifest of each attempt has the digests.`;
}
