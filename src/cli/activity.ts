import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { jsonText } from './json-text.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { printTable } from './print-table.ts';
import { countOf } from './time-word.ts';

export const activity = defineCommand(
  {
    operands: [],
    options: {
      subject: { type: 'string', value: '<subject>', summary: 'Only of this: host:<name>, user:<name> or server' },
      limit: { type: 'string', value: '<n>', summary: 'How many, 1 to 1000 (default: 100)' },
      before: { type: 'string', value: '<n>', summary: 'Only those before this number' },
      json: { type: 'boolean', summary: 'Print JSON' },
      ...serverOptions,
    },
    details: [
      'What was done and refused on a server, newest first: number, time, who, what, to whom, details, with tabs between.',
    ],
    examples: ['agora activity --limit 20', 'agora activity --subject host:gpu-box-1 --json'],
  },
  async ({ options }, context) => {
    const query = {
      ...(options.subject !== undefined && { subject: options.subject }),
      ...(options.limit !== undefined && { limit: countOf('limit', options.limit) }),
      ...(options.before !== undefined && { before: countOf('before', options.before) }),
    };
    const client = await openServer(options, context);
    const { activity: entries } = await client.call('listActivity', { query });
    if (options.json === true) await say(context.stdout, jsonText(entries, 2));
    else {
      const rows = entries.map(({ sequence, at, actor, action, subject, details }) => [
        String(sequence),
        at,
        actor,
        action,
        subject,
        detailText(details),
      ]);
      await printTable(context.stdout, ['', 'when', 'who', 'what', 'to whom', 'details'], rows);
    }
    return exitCodes.ok;
  },
);

function detailText(details: Readonly<Record<string, unknown>>): string {
  return Object.entries(details)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
}
