import type { AlertChannel, AlertRule } from '../contracts/alerts.ts';
import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { jsonText } from './json-text.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { printTable } from './print-table.ts';

export const alertRules = defineCommand(
  {
    operands: [],
    options: { json: { type: 'boolean', summary: 'Print JSON' }, ...serverOptions },
    details: [
      'One line each, with tabs between: rule, on or off, threshold, for how long it must be so, and over.',
      'Where alerts go, and what waits there, is told on standard error.',
    ],
    examples: ['agora alert rules'],
  },
  async ({ options }, context) => {
    const client = await openServer(options, context);
    const { rules, channels } = await client.call('listAlertRules', {});
    if (options.json === true) {
      await say(context.stdout, jsonText({ rules, channels }, 2));
      return exitCodes.ok;
    }
    await printTable(context.stdout, ruleHead, rules.map(ruleRow));
    if (channels.length === 0) {
      await say(
        context.stderr,
        'agora: alerts are listed and sent nowhere; next: agora alert set webhook --url <url> --secret-file <file>',
      );
    }
    for (const channel of channels) await say(context.stderr, `agora: ${channelText(channel)}`);
    return exitCodes.ok;
  },
);

/** Where alerts go, and while they do not get there, why. */
export function channelText({ name, target, waiting, lastError }: AlertChannel): string {
  const trouble = lastError === undefined ? '' : `; ${waiting} wait: ${lastError}`;
  return `alerts go to ${name} ${target}${trouble}`;
}

export const ruleHead = ['rule', 'state', 'threshold', 'for', 'over for'];

export function ruleRow({ name, isEnabled, threshold, forSeconds, clearSeconds }: AlertRule): string[] {
  return [
    name,
    isEnabled ? 'on' : 'off',
    threshold === undefined ? '' : String(threshold),
    `${forSeconds} s`,
    `${clearSeconds} s`,
  ];
}
