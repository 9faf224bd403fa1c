import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';

export const userRemove = defineCommand(
  {
    operands: ['<name>'],
    options: serverOptions,
    details: ['Their tokens let nobody in any more, at once. What they did stays in the activity log.'],
    examples: ['agora user remove ana'],
  },
  async ({ operands: [name = ''], options }, context) => {
    const client = await openServer(options, context);
    await client.call('removeUser', { params: { user: name } });
    await say(context.stderr, `agora: removed ${name}`);
    return exitCodes.ok;
  },
);
