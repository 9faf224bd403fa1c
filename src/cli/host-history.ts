import { exitCodes } from '../contracts/errors.ts';
import { stageOf } from './change-text.ts';
import { defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { jsonText } from './json-text.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { printTable } from './print-table.ts';

export const hostHistory = defineCommand(
  {
    operands: ['<host>'],
    options: { json: { type: 'boolean', summary: 'Print JSON' }, ...serverOptions },
    details: [
      'What was declared for it, newest first: revision, how far it came, when, by whom, message, with tabs between.',
    ],
    examples: ['agora host history gpu-box-1'],
  },
  async ({ operands: [word = ''], options }, context) => {
    const client = await openServer(options, context);
    const { hostId, name } = await findHost(client, word);
    const { revisions } = await client.call('listRevisions', { params: { host: hostId } });
    if (options.json === true) await say(context.stdout, jsonText(revisions, 2));
    else if (revisions.length === 0) await say(context.stderr, `agora: nothing is declared for ${name} yet`);
    else {
      const rows = revisions.map((change) => [
        String(change.revision),
        stageOf(change),
        change.times.accepted ?? '',
        change.actor,
        change.message,
      ]);
      await printTable(context.stdout, ['revision', 'came to', 'when', 'by', 'message'], rows);
    }
    return exitCodes.ok;
  },
);
