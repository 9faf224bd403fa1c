import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';

export const hostRm = defineCommand(
  {
    operands: ['<host>'],
    options: serverOptions,
    details: [
      'Forgets a host that was revoked or never admitted, and all that was declared for it. Its workloads are left as they are.',
    ],
    examples: ['agora host rm gpu-box-1'],
  },
  async ({ operands: [word = ''], options }, context) => {
    const client = await openServer(options, context);
    const { hostId, name } = await findHost(client, word);
    await client.call('removeHost', { params: { host: hostId } });
    await say(context.stderr, `agora: ${name} is forgotten`);
    return exitCodes.ok;
  },
);
