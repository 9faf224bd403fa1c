import { hostLabels } from '../src/contracts/fleet-names.ts';
import { hostSpecSchema, mountSpecSchema, specLimits } from '../src/contracts/host-spec.ts';
import { schemaSections } from './schema-tables.ts';

const mebibyte = 1024 * 1024;

/** The page on host specs, made from the schema that reads them. */
export function hostSpecPage(): string {
  const mounts = mountSpecSchema.options.flatMap((schema) =>
    schemaSections(`\`workspaces.<key>.mounts[]\` of type \`${schema.shape.type.value}\``, schema),
  );
  return `${[introduction, ...schemaSections('The spec', hostSpecSchema), ...mounts, rules()].join('\n\n')}\n`;
}

const introduction = `# The host spec

<!-- Made by "npm run docs" from src/contracts/host-spec.ts; do not edit. -->

A spec says what a host shall be like: \`agora host apply <host> -f spec.yaml\`. YAML or JSON in UTF-8, one document, no aliases, no key twice. How it is used:
[declare what a host runs](../how-to/declare-what-a-host-runs.md).

The smallest one that runs something:

\`\`\`yaml
schemaVersion: 1
workspaces:
  web:
    image: nginx:1.29
\`\`\`

A size is bytes, or a number with \`k\`, \`m\`, \`g\` or \`t\` (of 1024): \`512m\`. A time is seconds, or a number with \`ms\`, \`s\`, \`m\` or \`h\`: \`90s\`. A resource with
nothing behind its name has every default.`;

function rules(): string {
  return `## What else is checked

- Names are 1 to 63 characters of \`A-Z a-z 0-9 . _ -\`, the first a letter or digit; they are those that the engine shows. A workspace's must not end in
  \`.agora-next\` or \`.agora-previous\`.
- Networks and volumes that a workspace names are declared. None is one of the engine's own networks, or the agent's own volume.
- No two workspaces want the same port of the host, no two mounts of one the same target, no two images the same tag.
- No variable is both in \`env\` and in \`secrets\`. Refs of secrets are \`env:<NAME>\`, \`file:<path>\`, \`local-secret://<uuid>\` or \`arn:…\`.
- No label begins with \`agora.\`: those are ours; \`${hostLabels.host}\` says whose a resource is.
- Sizes: ${specLimits.fileBytes / mebibyte} MiB for the file, ${specLimits.resources.toLocaleString('en')} resources, ${specLimits.contextBytes / mebibyte / 1024} GiB for a build context.

Every problem is told at once, with its line; a spec with one changes nothing.

## What makes a container again

A change of anything it was made from: image, command, variables, values of secrets, ports, mounts, limits, devices, labels, health check. Networks are
joined and left as it runs, unless its first one comes or its last one goes. \`running\`, \`stopGrace\`, \`updateStrategy\`, \`onDisconnect\` and \`adopt\` change nothing
that runs. A network or volume that is made from something else now is told as a problem while something of it is in use.`;
}
