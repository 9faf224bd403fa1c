import { dispatchInputsSchema } from '../src/contracts/dispatch-inputs.ts';
import { limits } from '../src/contracts/names.ts';
import { planSchema } from '../src/contracts/plan.ts';
import { schemaSections } from './schema-tables.ts';

const mebibyte = 1024 * 1024;

/** The page on plans, made from the schema that reads them. */
export function planPage(): string {
  const tables = [
    ...schemaSections('The plan', planSchema),
    ...schemaSections('`items[].inputs` of the executor `dispatch`', dispatchInputsSchema, 'items[].inputs'),
  ];
  return `${[introduction, ...tables, rules()].join('\n\n')}\n`;
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
