import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { statusLines } from './host-status-text.ts';
import { jsonText } from './json-text.ts';
import { oneLine } from './one-line.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { sayWrapped } from './wrap-line.ts';

const lineLength = 4_000;

export const hostStatus = defineCommand(
  {
    operands: ['<host>'],
    options: { json: { type: 'boolean', summary: 'Print JSON' }, ...serverOptions },
    details: [
      'How it is, how far what is declared for it has come and when, its workspaces with their reasons, and what to mend.',
      'What it last reported is shown with its age: a host that is away may have moved on.',
    ],
    examples: ['agora host status gpu-box-1', 'agora host status gpu-box-1 --json'],
  },
  async ({ operands: [word = ''], options }, context) => {
    const client = await openServer(options, context);
    const { hostId } = await findHost(client, word);
    const status = await client.call('getHost', { params: { host: hostId } });
    if (options.json === true) await say(context.stdout, jsonText(status, 2));
    else {
      const lines = statusLines(status, client.now());
      for (const line of lines) await sayWrapped(context.stdout, oneLine(line, lineLength));
    }
    return exitCodes.ok;
  },
);
