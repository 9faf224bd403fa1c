import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { jsonText } from './json-text.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { specText } from './spec-text.ts';
import { countOf } from './time-word.ts';

export const hostExport = defineCommand(
  {
    operands: ['<host>'],
    options: {
      revision: { type: 'string', value: '<n>', summary: 'Which one (default: the latest)' },
      json: { type: 'boolean', summary: 'Print JSON, with every default' },
      ...serverOptions,
    },
    details: [
      'Prints what is declared as YAML that applies again. Build contexts are named by their digests, which the server has;',
      'secrets by their refs.',
    ],
    examples: ['agora host export gpu-box-1 >spec.yaml', 'agora host export gpu-box-1 --revision 3'],
  },
  async ({ operands: [word = ''], options }, context) => {
    const query = options.revision === undefined ? {} : { revision: countOf('revision', options.revision) };
    const client = await openServer(options, context);
    const { hostId } = await findHost(client, word);
    const { spec } = await client.call('getSpec', { params: { host: hostId }, query });
    if (options.json === true) await say(context.stdout, jsonText(spec, 2));
    else await context.stdout.write(specText(spec));
    return exitCodes.ok;
  },
);
