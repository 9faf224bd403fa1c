import { exitCodes } from '../contracts/errors.ts';
import { type Command, defineCommand } from './command.ts';
import { openClient } from './open-client.ts';
import { configOption } from './open-orch.ts';
import { say } from './output.ts';
import { exampleNames } from './registered-get.ts';
import { kindWords, type RegistryKind, registryOf } from './registry-kinds.ts';

/** `agora <kind> remove <name>` */
export function removeCommand(kind: RegistryKind): Command {
  const [one] = kindWords[kind];
  return defineCommand(
    {
      operands: ['<name>'],
      options: { config: configOption },
      details: [
        `Forgets the name. Its content stays in storage, so that what is pinned to it still finds it.`,
        ...(kind === 'env' ? ['Secrets that only it referred to are removed by agora gc.'] : []),
      ],
      examples: [`agora ${kind} remove ${exampleNames[kind]}`],
    },
    async ({ operands, options }, context) => {
      const [name = ''] = operands;
      const { client } = await openClient(options.config, context);
      await registryOf(client, kind).remove(name);
      await say(context.stderr, `agora: removed ${one} "${name}"; its content stays for what is pinned to it`);
      return exitCodes.ok;
    },
  );
}
