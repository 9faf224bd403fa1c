import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { jsonText } from './json-text.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { printTable } from './print-table.ts';

export const userList = defineCommand(
  {
    operands: [],
    options: { json: { type: 'boolean', summary: 'Print JSON' }, ...serverOptions },
    details: ['One line each: name, role, when they were added, with tabs between.'],
    examples: ['agora user list'],
  },
  async ({ options }, context) => {
    const client = await openServer(options, context);
    const { users } = await client.call('listUsers', {});
    if (options.json === true) await say(context.stdout, jsonText(users, 2));
    else {
      const rows = users.map(({ name, role, createdAt }) => [name, role, createdAt]);
      await printTable(context.stdout, ['name', 'role', 'added'], rows);
    }
    return exitCodes.ok;
  },
);
