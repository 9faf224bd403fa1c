import { exitCodes } from '../contracts/errors.ts';
import { type Command, defineCommand } from './command.ts';
import { openClient } from './open-client.ts';
import { configOption } from './open-orch.ts';
import { say } from './output.ts';
import { kindWords, type RegistryKind, registryOf } from './registry-kinds.ts';

/** `agora <kind> list` */
export function listCommand(kind: RegistryKind): Command {
  return defineCommand(
    {
      operands: [],
      options: { json: { type: 'boolean', summary: 'Print JSON' }, config: configOption },
      details: ['One line each: name, digest, when it was registered, with tabs between.'],
      examples: [`agora ${kind} list`, `agora ${kind} list --json`],
    },
    async ({ options }, context) => {
      const { client } = await openClient(options.config, context);
      const registered = await registryOf(client, kind).list();
      if (options.json === true) await say(context.stdout, JSON.stringify(registered, undefined, 2));
      else if (registered.length === 0) await say(context.stderr, `agora: there are no ${kindWords[kind][1]} yet`);
      else {
        for (const { name, digest, registeredAt } of registered) {
          await say(context.stdout, [name, digest, registeredAt ?? ''].join('\t').trimEnd());
        }
      }
      return exitCodes.ok;
    },
  );
}
