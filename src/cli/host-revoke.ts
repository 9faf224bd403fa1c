import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';

export const hostRevoke = defineCommand(
  {
    operands: ['<host>'],
    options: serverOptions,
    details: ['Its key is refused from now on. Its workloads are left as they are.'],
    examples: ['agora host revoke gpu-box-1'],
  },
  async ({ operands: [word = ''], options }, context) => {
    const client = await openServer(options, context);
    const { hostId, name } = await findHost(client, word);
    await client.call('revokeHost', { params: { host: hostId } });
    await say(context.stderr, `agora: ${name} is not let in any more; next, to forget it: agora host rm ${name}`);
    return exitCodes.ok;
  },
);
