import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';

export const hostRotate = defineCommand(
  {
    operands: ['<host>'],
    options: serverOptions,
    details: ['Its agent makes new keys with its next heartbeat; the old ones let nobody in any more then.'],
    examples: ['agora host rotate gpu-box-1'],
  },
  async ({ operands: [word = ''], options }, context) => {
    const client = await openServer(options, context);
    const { hostId, name } = await findHost(client, word);
    await client.call('rotateHost', { params: { host: hostId } });
    await say(context.stderr, `agora: ${name} makes new keys with its next heartbeat`);
    return exitCodes.ok;
  },
);
