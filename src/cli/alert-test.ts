import { AppError, exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';

export const alertTest = defineCommand(
  {
    operands: [],
    options: { ...serverOptions },
    details: ['Says of each place whether it took the test; ends with 1 when one did not.'],
    examples: ['agora alert test'],
  },
  async ({ options }, context) => {
    const client = await openServer(options, context);
    const { results } = await client.call('testAlerts', {});
    if (results.length === 0) {
      throw new AppError('not-ready', 'Cannot test alerts: they go nowhere yet', {
        next: 'agora alert set webhook --url <url> --secret-file <file>',
      });
    }
    for (const { channel, error } of results) await say(context.stdout, `${channel}\t${error ?? 'taken'}`);
    return results.some(({ error }) => error !== undefined) ? exitCodes.no : exitCodes.ok;
  },
);
