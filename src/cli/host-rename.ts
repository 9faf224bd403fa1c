import { AppError, exitCodes } from '../contracts/errors.ts';
import { hostNameSchema } from '../contracts/fleet-ids.ts';
import { defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';

export const hostRename = defineCommand(
  {
    operands: ['<host>', '<name>'],
    options: serverOptions,
    details: ['Only what people call it changes: its id, its spec and what it owns stay.'],
    examples: ['agora host rename gpu-box-1-2 gpu-box-2'],
  },
  async ({ operands: [word = '', typed = ''], options }, context) => {
    const parsed = hostNameSchema.safeParse(typed);
    if (!parsed.success) {
      throw new AppError(
        'usage',
        `Cannot use host name "${typed}": it ${parsed.error.issues[0]?.message ?? 'is none'}`,
      );
    }
    const client = await openServer(options, context);
    const { hostId, name } = await findHost(client, word);
    await client.call('changeHost', { params: { host: hostId }, body: { name: parsed.data } });
    await say(context.stderr, `agora: ${name} is ${parsed.data} now`);
    return exitCodes.ok;
  },
);
