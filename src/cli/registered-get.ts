import { exitCodes } from '../contracts/errors.ts';
import { type Command, defineCommand } from './command.ts';
import { openClient } from './open-client.ts';
import { configOption } from './open-orch.ts';
import { say } from './output.ts';
import { type RegistryKind, registryOf } from './registry-kinds.ts';

const details: { readonly [Kind in RegistryKind]?: readonly string[] } = {
  capabilities: ['The list of its files. Each is a blob of its own: agora artifact get sha256:<hex>.'],
  env: ['Secrets are shown as refs, never themselves.'],
};

/** `agora <kind> get <name>` */
export function getCommand(kind: RegistryKind): Command {
  return defineCommand(
    {
      operands: ['<name>'],
      options: { config: configOption },
      details: ['<name> may be pinned: name@sha256:<hex>.', ...(details[kind] ?? [])],
      examples: [`agora ${kind} get ${exampleNames[kind]}`],
    },
    async ({ operands, options }, context) => {
      const [name = ''] = operands;
      const { client } = await openClient(options.config, context);
      const found = await registryOf(client, kind).get(name);
      await say(context.stdout, JSON.stringify(found, undefined, 2));
      return exitCodes.ok;
    },
  );
}

export const exampleNames = {
  capabilities: 'hello-cap',
  subagent: 'greeter',
  env: 'minimal',
  pipeline: 'checked.edit',
} as const;
