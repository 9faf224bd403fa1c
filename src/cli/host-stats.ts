import { AppError, type ExitCode, exitCodes } from '../contracts/errors.ts';
import type { Host } from '../contracts/fleet.ts';
import type { ServerClient } from '../server-client/server-client.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { showLive } from './host-stats-live.ts';
import { printSeries } from './host-stats-series.ts';
import { agoText } from './host-text.ts';
import { jsonText } from './json-text.ts';
import { sampleHead, sampleRow } from './metric-text.ts';
import { openServer, serverOptions } from './open-server.ts';
import { type Output, say } from './output.ts';
import { printTable } from './print-table.ts';
import { secondsOf } from './time-word.ts';

const defaultSince = '1h';
const points = 240;
const mostNames = 10;

export const hostStats = defineCommand(
  {
    operands: ['[host]'],
    options: {
      live: { type: 'boolean', summary: 'Show each second anew, until Ctrl-C' },
      since: { type: 'string', value: '<time>', summary: `How far back: 15m, 12h, 30d (default: ${defaultSince})` },
      json: { type: 'boolean', summary: 'Print JSON; with --live a sample on each line' },
      ...serverOptions,
    },
    details: [
      'Without a host: the latest of each. With one: each series of it, with its latest, mean and highest value.',
      'Elsewhere than on a terminal: one line each, with tabs between, without a drawing.',
    ],
    examples: ['agora host stats', 'agora host stats gpu-box-1 --since 12h', 'agora host stats gpu-box-1 --live'],
  },
  async ({ operands: [word], options }, context) => {
    if (word === undefined && (options.live === true || options.since !== undefined)) {
      const option = options.live === true ? '--live' : '--since';
      throw new AppError('usage', `Cannot use ${option} without a host: it looks at one`, {
        next: `agora host stats <host> ${option}`,
      });
    }
    if (options.live === true && options.since !== undefined)
      throw new AppError('usage', 'Cannot use --since with --live: it shows what is now');
    const client = await openServer(options, context);
    const isJson = options.json === true;
    if (word === undefined) return printLatest(client, context, isJson);
    const host = await findHost(client, word);
    await tellSilence(client, host, context.stderr);
    if (options.live === true) return showLive(client, { host: host.hostId, name: host.name, isJson }, context);
    const sinceMs = secondsOf('since', options.since ?? defaultSince) * 1_000;
    return printHistory(client, { host, sinceMs, isJson }, context);
  },
);

async function printLatest(
  client: ServerClient,
  { stdout, stderr }: Pick<CommandContext, 'stdout' | 'stderr'>,
  isJson: boolean,
): Promise<ExitCode> {
  const { hosts } = await client.call('listLatestMetrics', {});
  if (isJson) {
    await say(stdout, jsonText(hosts, 2));
    return exitCodes.ok;
  }
  const now = client.now();
  const rows = hosts.map(({ host, sample }) => [host, ...sampleRow(sample, now)]);
  if (rows.length > 0) await printTable(stdout, ['host', ...sampleHead], rows);
  const told = new Set(hosts.map(({ host }) => host));
  const { hosts: all } = await client.call('listHosts', {});
  const silent = all.filter(({ name, admission }) => admission === 'admitted' && !told.has(name));
  if (silent.length > 0) await say(stderr, `agora: nothing is known of ${namesOf(silent)} since the server started`);
  else if (rows.length === 0) await say(stderr, 'agora: there are no hosts yet; next: agora token create --join');
  return exitCodes.ok;
}

function namesOf(hosts: readonly Host[]): string {
  const names = hosts.slice(0, mostNames).map(({ name }) => name);
  return `${names.join(', ')}${hosts.length > mostNames ? ` and ${hosts.length - mostNames} more` : ''}`;
}

/** What is shown of a host that is not heard of is of the time before. */
async function tellSilence(client: ServerClient, { name, link }: Host, stderr: Output): Promise<void> {
  if (link.link === 'online') return;
  const seen =
    link.lastSeenAt === undefined ? 'never heard of' : `last heard of ${agoText(link.lastSeenAt, client.now())}`;
  await say(stderr, `agora: ${name} is not online, ${seen}`);
}

async function printHistory(
  client: ServerClient,
  { host, sinceMs, isJson }: { readonly host: Host; readonly sinceMs: number; readonly isJson: boolean },
  { stdout, stderr }: Pick<CommandContext, 'stdout' | 'stderr'>,
): Promise<ExitCode> {
  // The server's clock says what is now: this one may be wrong.
  const to = Date.parse(host.link.lastSeenAt ?? '') || Date.now();
  const query = { from: Math.max(0, to - sinceMs), to: to + 1, points };
  const view = await client.call('getMetrics', { params: { host: host.hostId }, query });
  if (isJson) await say(stdout, jsonText(view, 2));
  else if (view.series.length === 0) await say(stderr, `agora: nothing of ${host.name} is kept from that time`);
  else await printSeries(stdout, view.series);
  return exitCodes.ok;
}
