import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { roleOf } from './role-word.ts';

export const userRole = defineCommand(
  {
    operands: ['<name>', '<role>'],
    options: serverOptions,
    details: ['It holds at once, also for tokens they have. The last admin stays one.'],
    examples: ['agora user role ana admin'],
  },
  async ({ operands: [name = '', typed = ''], options }, context) => {
    const role = roleOf(typed);
    const client = await openServer(options, context);
    await client.call('changeUser', { params: { user: name }, body: { role } });
    await say(context.stderr, `agora: ${name} is ${role} now`);
    return exitCodes.ok;
  },
);
