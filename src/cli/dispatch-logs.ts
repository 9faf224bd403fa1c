import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { insecureOption } from './engine-option.ts';
import { requireDispatch } from './find-dispatch.ts';
import { GatheredLines } from './gathered-lines.ts';
import { sinceTime, tailCount } from './log-words.ts';
import { openClient } from './open-client.ts';
import { configOption } from './open-orch.ts';

export const dispatchLogs = defineCommand(
  {
    operands: ['<dispatch>'],
    options: {
      follow: { type: 'boolean', short: 'f', summary: 'Go on until it ends' },
      timestamps: { type: 'boolean', short: 't', summary: 'Begin each line with the time it was written' },
      since: { type: 'string', value: '<time>', summary: 'Only what is newer: an ISO time, or 30s, 10m, 2h, 1d ago' },
      tail: { type: 'string', value: '<n>', summary: 'Only the last lines' },
      insecure: insecureOption,
      config: configOption,
    },
    details: [
      'Prints what its worker printed, stdout and stderr alike, to stdout: live while it runs, afterwards from the transcript,',
      'which is whole.',
    ],
    examples: ['agora dispatch logs d-4f7k -f', 'agora dispatch logs fanout-1/edit-alpha --tail 20 --timestamps'],
  },
  async ({ operands, options }, context) => {
    const tail = options.tail === undefined ? undefined : tailCount(options.tail);
    const since = options.since === undefined ? undefined : sinceTime(options.since, Date.now());
    const { client } = await openClient(options.config, context);
    const dispatchId = await requireDispatch(client, operands[0] ?? '');
    const lines = client.dispatch.logs(dispatchId, {
      follow: options.follow === true,
      ...(tail === undefined ? {} : { tail }),
      ...(since === undefined ? {} : { since }),
    });
    const printed = new GatheredLines(context.stdout);
    try {
      for await (const { at, text } of lines) {
        await printed.add(options.timestamps === true ? `${at ?? 'unknown'} ${text}` : text);
      }
    } finally {
      await printed.flush();
    }
    return exitCodes.ok;
  },
);
