import { exitCodes } from '../contracts/errors.ts';
import { isEnded } from '../dispatch/ending.ts';
import { ownerState } from '../dispatch/owner.ts';
import { listShells } from '../dispatch/records.ts';
import { defineCommand } from './command.ts';
import { recordLines } from './dispatch-text.ts';
import { insecureOption } from './engine-option.ts';
import { requireDispatch } from './find-dispatch.ts';
import { jsonText } from './json-text.ts';
import { openClient } from './open-client.ts';
import { configOption } from './open-orch.ts';
import { say } from './output.ts';

export const dispatchDescribe = defineCommand(
  {
    operands: ['<dispatch>'],
    options: {
      json: { type: 'boolean', summary: 'Print the record as JSON' },
      insecure: insecureOption,
      config: configOption,
    },
    details: [
      'Prints what is known of a dispatch from its acceptance on. One whose process died is settled first: what its worker',
      'left is stored and recorded, and the worker is removed.',
      '<dispatch> is its id, a beginning that only it has, or <run>/<item> for the newest attempt of an item.',
    ],
    examples: ['agora dispatch describe d-4f7k', 'agora dispatch describe fanout-1/edit-alpha --json'],
  },
  async ({ operands, options }, context) => {
    const { client } = await openClient(options.config, context);
    const dispatchId = await requireDispatch(client, operands[0] ?? '');
    const onProblem = (line: string) => void say(context.stderr, `agora: ${line}`);
    const record = await client.dispatch.describe(dispatchId, { onProblem });
    const shells = await listShells(client, dispatchId);
    const text =
      options.json === true
        ? jsonText({ ...record, ...(shells.length > 0 && { shells }) }, 2)
        : recordLines(record, shells).join('\n');
    await say(context.stdout, text);
    if (record.run === undefined && !isEnded(record) && ownerState(record.owner) === 'gone') {
      await say(
        context.stderr,
        'agora: the process that executed it is gone and its worker goes on; describe it again later',
      );
    }
    return exitCodes.ok;
  },
);
