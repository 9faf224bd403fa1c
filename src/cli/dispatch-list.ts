import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { statusText } from './dispatch-text.ts';
import { jsonText } from './json-text.ts';
import { openClient } from './open-client.ts';
import { configOption } from './open-orch.ts';
import { say } from './output.ts';

export const dispatchList = defineCommand(
  {
    operands: [],
    options: { json: { type: 'boolean', summary: 'Print the records as JSON' }, config: configOption },
    details: [
      'The newest first, one line each: id, status, subagent, when it was accepted, run and item, with tabs between.',
    ],
    examples: ['agora dispatch list', 'agora dispatch list --json'],
  },
  async ({ options }, context) => {
    const { client } = await openClient(options.config, context);
    const records = await client.dispatch.list();
    if (options.json === true) await say(context.stdout, jsonText(records, 2));
    else if (records.length === 0) await say(context.stderr, 'agora: there are no dispatches yet');
    for (const record of options.json === true ? [] : records) {
      const { dispatchId, resolved, acceptedAt, run } = record;
      const item = run === undefined ? [] : [`${run.runId}/${run.itemId}`];
      await say(
        context.stdout,
        [dispatchId, statusText(record), resolved.subagent.name, acceptedAt, ...item].join('\t'),
      );
    }
    return exitCodes.ok;
  },
);
