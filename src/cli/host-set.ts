import { suggestion } from '../base/suggest.ts';
import { AppError, exitCodes } from '../contracts/errors.ts';
import { defaultHostSettings, type HostSettings } from '../contracts/fleet.ts';
import { defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { printTable } from './print-table.ts';

const known = flat(defaultHostSettings).map(([name]) => name);

export const hostSet = defineCommand(
  {
    operands: ['<host>', '[setting=value...]'],
    options: { json: { type: 'boolean', summary: 'Print JSON' }, ...serverOptions },
    details: [
      'Changes what the server tells the agent of a host, which holds from its next heartbeat on; prints all of it.',
      'Settings:',
      ...known.map((name) => `  ${name}`),
      'enabled=false stops applies and builds: its workloads are left as they are.',
    ],
    examples: ['agora host set gpu-box-1', 'agora host set gpu-box-1 heartbeatSeconds=5 metrics.gpu=false'],
  },
  async ({ operands: [word = '', ...words], options }, context) => {
    const changes = settingsOf(words);
    const client = await openServer(options, context);
    const host = await findHost(client, word);
    const params = { host: host.hostId };
    const { settings } =
      words.length === 0 ? host : await client.call('changeHost', { params, body: { settings: changes } });
    if (options.json === true) await say(context.stdout, JSON.stringify(settings, undefined, 2));
    else await printTable(context.stdout, ['setting', 'value'], flat(settings));
    return exitCodes.ok;
  },
);

/** `metrics.gpu=false` becomes `{ metrics: { gpu: false } }`. */
function settingsOf(words: readonly string[]): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  const metrics: Record<string, unknown> = {};
  for (const word of words) {
    const [, name = '', text = ''] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
    if (!known.includes(name)) {
      const state = name === '' ? 'it is not <setting>=<value>' : `there is no such setting${suggestion(name, known)}`;
      throw new AppError('usage', `Cannot set "${word}": ${state}`, { next: `The settings are ${known.join(', ')}.` });
    }
    const value = settingValue(name, text);
    if (name.startsWith('metrics.')) metrics[name.slice('metrics.'.length)] = value;
    else settings[name] = value;
  }
  return { ...settings, ...(Object.keys(metrics).length > 0 && { metrics }) };
}

function settingValue(name: string, text: string): boolean | number {
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^[0-9]{1,15}(\.[0-9]{1,6})?$/.test(text)) return Number(text);
  throw new AppError('usage', `Cannot set ${name} to "${text}": it takes true, false or a number`);
}

function flat({ metrics, ...others }: HostSettings): [string, string][] {
  const prefixed = Object.entries(metrics).map(
    ([name, value]) => [`metrics.${name}`, String(value)] as [string, string],
  );
  return [...Object.entries(others).map(([name, value]) => [name, String(value)] as [string, string]), ...prefixed];
}
