import { exitCodes } from '../contracts/errors.ts';
import { channelText } from './alert-rules.ts';
import { defineCommand } from './command.ts';
import { agoText } from './host-text.ts';
import { jsonText } from './json-text.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { printTable } from './print-table.ts';
import { countOf } from './time-word.ts';

const defaultLimit = '50';

export const alertLs = defineCommand(
  {
    operands: [],
    options: {
      limit: { type: 'string', value: '<count>', summary: `How many at most (default: ${defaultLimit})` },
      json: { type: 'boolean', summary: 'Print JSON' },
      ...serverOptions,
    },
    details: [
      'Those that are not resolved first: rule, host, subject, state, message, with tabs between.',
      'What keeps notices from where they go is told on standard error.',
    ],
    examples: ['agora alert ls', 'agora alert ls --json'],
  },
  async ({ options }, context) => {
    const limit = countOf('limit', options.limit ?? defaultLimit);
    const client = await openServer(options, context);
    const { alerts } = await client.call('listAlerts', { query: { limit } });
    const now = client.now();
    if (options.json === true) await say(context.stdout, jsonText(alerts, 2));
    else if (alerts.length === 0) await say(context.stderr, 'agora: there are no alerts');
    else {
      const rows = alerts.map(({ rule, host, subject = '', message, raisedAt, resolvedAt, times }) => {
        const state =
          resolvedAt === undefined ? `raised ${agoText(raisedAt, now)}` : `over ${agoText(resolvedAt, now)}`;
        return [rule, host, subject, times > 1 ? `${state}, ${times} times` : state, message];
      });
      await printTable(context.stdout, ['rule', 'host', 'subject', 'state', 'message'], rows);
    }
    const { channels } = await client.call('listAlertRules', {});
    for (const channel of channels)
      if (channel.lastError !== undefined) await say(context.stderr, `agora: ${channelText(channel)}`);
    return exitCodes.ok;
  },
);
