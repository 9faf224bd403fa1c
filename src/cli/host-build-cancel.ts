import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';

export const hostBuildCancel = defineCommand(
  {
    operands: ['<host>', '<build>'],
    options: serverOptions,
    details: [
      'A build is named by its id, the beginning of it, or its image: then the newest. It is not tried again until another',
      'revision is declared (agora host apply --again); what ran before goes on.',
    ],
    examples: ['agora host build cancel gpu-box-1 b-x7', 'agora host build cancel gpu-box-1 web'],
  },
  async ({ operands: [word = '', build = ''], options }, context) => {
    const client = await openServer(options, context);
    const { hostId: host, name } = await findHost(client, word);
    const { buildId, image } = await client.call('cancelBuild', { params: { host, build } });
    await say(context.stderr, `agora: ${name} is told to end build ${buildId} of ${image}`);
    return exitCodes.ok;
  },
);
