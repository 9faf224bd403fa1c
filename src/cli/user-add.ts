import { AppError, exitCodes } from '../contracts/errors.ts';
import { userNameSchema } from '../contracts/fleet-ids.ts';
import { defineCommand } from './command.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { roleOf } from './role-word.ts';

export const userAdd = defineCommand(
  {
    operands: ['<name>', '<role>'],
    options: serverOptions,
    details: [
      'A viewer sees everything, an operator also declares what hosts run, an admin also admits hosts and users.',
      'Prints their first token: the only copy. They sign in with it: agora login <url>',
    ],
    examples: ['agora user add ana operator'],
  },
  async ({ operands: [name = '', typed = ''], options }, context) => {
    const role = roleOf(typed);
    if (!userNameSchema.safeParse(name).success) {
      throw new AppError('usage', `Cannot add user "${name}": it is not 1 to 128 characters of A-Z a-z 0-9 . _ @ -`);
    }
    const client = await openServer(options, context);
    const { token } = await client.call('addUser', { body: { name, role } });
    await say(context.stderr, `agora: added ${name} as ${role}; their token, shown this once:`);
    await say(context.stdout, token);
    return exitCodes.ok;
  },
);
