import { suggestion } from '../base/suggest.ts';
import { type AlertRuleName, alertRuleNames } from '../contracts/alerts.ts';
import { AppError, exitCodes } from '../contracts/errors.ts';
import type { ServerClient } from '../server-client/server-client.ts';
import { ruleHead, ruleRow } from './alert-rules.ts';
import { alertSecretIn } from './alert-secret.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { openServer, serverOptions } from './open-server.ts';
import { type Output, say } from './output.ts';
import { printTable } from './print-table.ts';
import { requiredOption } from './required-option.ts';
import { secondsOf } from './time-word.ts';

const alertOptions = {
  on: { type: 'boolean', summary: 'Raise alerts of this rule' },
  off: { type: 'boolean', summary: 'Raise none of this rule; of a channel: send nothing there' },
  threshold: { type: 'string', value: '<number>', summary: 'A share of a disk, °C of a GPU, restarts of a workspace' },
  for: { type: 'string', value: '<time>', summary: 'How long it must be so: 0s, 30s, 5m' },
  'over-for': { type: 'string', value: '<time>', summary: 'How long it must be over' },
  url: { type: 'string', value: '<url>', summary: 'webhook: where to post' },
  'secret-file': { type: 'string', value: '<file>', summary: 'webhook: what signs the posts; mail: the password' },
  smtp: { type: 'string', value: '<url>', summary: 'mail: smtp://host:587 or smtps://host:465' },
  user: { type: 'string', value: '<name>', summary: 'mail: who signs in there' },
  from: { type: 'string', value: '<address>', summary: 'mail: the sender' },
  to: { type: 'string', value: '<address>', multiple: true, summary: 'mail: who gets it; may be given several times' },
  ...serverOptions,
} as const;

interface AlertWords {
  readonly [name: string]: string | boolean | readonly string[] | undefined;
}

export const alertSet = defineCommand(
  {
    operands: ['<rule|webhook|mail>'],
    choices: [...alertRuleNames, 'webhook', 'mail'],
    options: alertOptions,
    details: [`Rules: ${alertRuleNames.join(', ')}.`],
    examples: [
      'agora alert set disk-full --threshold 0.8 --for 5m',
      'agora alert set drift --off',
      'agora alert set webhook --url https://chat.example.org/hook --secret-file hook.secret',
      'agora alert set mail --smtp smtp://mail:587 --from agora@example.org --to ops@example.org',
    ],
  },
  async ({ operands: [word = ''], options }, context) => {
    if (options.on === true && options.off === true)
      throw new AppError('usage', `Cannot set "${word}": it was said to be both on and off`);
    const client = await openServer(options, context);
    if (word === 'webhook' || word === 'mail') await setChannel(client, word, { options, context });
    else await setRule(client, ruleOf(word), { options, output: context.stdout });
    return exitCodes.ok;
  },
);

async function setRule(
  client: ServerClient,
  rule: AlertRuleName,
  { options, output }: { readonly options: AlertWords; readonly output: Output },
): Promise<void> {
  const time = (option: string) => {
    const typed = options[option];
    if (typeof typed !== 'string') return undefined;
    return typed === '0s' ? 0 : secondsOf(option, typed);
  };
  const [forSeconds, clearSeconds, threshold] = [time('for'), time('over-for'), thresholdOf(options['threshold'])];
  const body = {
    ...(options['on'] === true && { isEnabled: true }),
    ...(options['off'] === true && { isEnabled: false }),
    ...(threshold !== undefined && { threshold }),
    ...(forSeconds !== undefined && { forSeconds }),
    ...(clearSeconds !== undefined && { clearSeconds }),
  };
  if (Object.keys(body).length === 0) {
    throw new AppError('usage', `Cannot set "${rule}": nothing was said of it`, { next: 'agora alert set --help' });
  }
  const changed = await client.call('changeAlertRule', { params: { rule }, body });
  await printTable(output, ruleHead, [ruleRow(changed)]);
}

async function setChannel(
  client: ServerClient,
  channel: 'webhook' | 'mail',
  { options, context }: { readonly options: AlertWords; readonly context: CommandContext },
): Promise<void> {
  if (options['off'] === true) {
    await client.call('removeAlertChannel', { params: { channel } });
    await say(context.stderr, `agora: alerts go to ${channel} no more`);
    return;
  }
  const text = (name: string) => (typeof options[name] === 'string' ? String(options[name]) : undefined);
  const file = text('secret-file');
  const secret = file === undefined ? undefined : await alertSecretIn(file, context.cwd);
  const needed = (name: string) => requiredOption('alert set', name, text(name));
  const { target } =
    channel === 'webhook'
      ? await client.call('setWebhook', { body: { url: needed('url'), secret: secret ?? needed('secret-file') } })
      : await client.call('setMail', {
          body: {
            server: needed('smtp'),
            from: needed('from'),
            to: Array.isArray(options['to']) ? [...options['to']] : [needed('to')],
            ...(text('user') !== undefined && { user: needed('user') }),
            ...(secret !== undefined && { password: secret }),
          },
        });
  await say(context.stderr, `agora: alerts go to ${channel} ${target}; next: agora alert test`);
}

function ruleOf(word: string): AlertRuleName {
  const found = alertRuleNames.find((name) => name === word);
  if (found !== undefined) return found;
  const names = [...alertRuleNames, 'webhook', 'mail'];
  throw new AppError('unknown-name', `Cannot set alert "${word}": there is no such rule${suggestion(word, names)}`, {
    next: `There are ${names.join(', ')}.`,
  });
}

function thresholdOf(typed: AlertWords[string]): number | undefined {
  if (typeof typed !== 'string') return undefined;
  if (/^[0-9]{1,6}(\.[0-9]{1,6})?$/.test(typed)) return Number(typed);
  throw new AppError('usage', `Cannot use --threshold "${typed}": it is not a number`);
}
