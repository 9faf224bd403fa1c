import { AppError, type ExitCode, exitCodes } from '../contracts/errors.ts';
import type { Host } from '../contracts/fleet.ts';
import type { MetricSeries } from '../contracts/routes-metrics.ts';
import type { ServerClient } from '../server-client/server-client.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { showLive } from './host-stats-live.ts';
import { jsonText } from './json-text.ts';
import { figureText, sampleHead, sampleRow } from './metric-text.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { printTable } from './print-table.ts';
import { meanOf, sparkline, squeezed } from './sparkline.ts';
import { secondsOf } from './time-word.ts';

const defaultSince = '1h';
const points = 240;
const sparklineWidth = 40;

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
    const client = await openServer(options, context);
    const isJson = options.json === true;
    if (word === undefined) return printLatest(client, context, isJson);
    const host = await findHost(client, word);
    if (options.live === true) return showLive(client, { host: host.hostId, name: host.name, isJson }, context);
    const sinceMs = secondsOf('since', options.since ?? defaultSince) * 1_000;
    return printSeries(client, { host, sinceMs, isJson }, context);
  },
);

async function printLatest(
  client: ServerClient,
  { stdout, stderr }: Pick<CommandContext, 'stdout' | 'stderr'>,
  isJson: boolean,
): Promise<ExitCode> {
  const { hosts } = await client.call('listLatestMetrics', {});
  if (isJson) await say(stdout, jsonText(hosts, 2));
  else if (hosts.length === 0) await say(stderr, 'agora: no host has told what it measures yet');
  else {
    const now = client.now();
    const rows = hosts.map(({ host, sample }) => [host, ...sampleRow(sample, now)]);
    await printTable(stdout, ['host', ...sampleHead], rows);
  }
  return exitCodes.ok;
}

async function printSeries(
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
  else {
    const head = ['kind', 'of', 'series', 'last', 'mean', 'highest', ...(stdout.isTerminal ? ['over time'] : [])];
    const rows = view.series.map((series) => seriesRow(series, stdout.isTerminal));
    await printTable(stdout, head, rows);
  }
  return exitCodes.ok;
}

function seriesRow({ kind, of, name, mean, max }: MetricSeries, isTerminal: boolean): string[] {
  const text = (value: number | null | undefined) =>
    value === null || value === undefined ? '' : figureText(kind, name, value);
  const highest = max.reduce<number | null>(
    (found, value) => (value === null ? found : Math.max(found ?? value, value)),
    null,
  );
  const last = mean.findLast((value) => value !== null);
  const drawing = isTerminal ? [sparkline(squeezed(mean, sparklineWidth), isShare(name) ? { top: 1 } : {})] : [];
  return [kind, of, name, text(last), text(meanOf(mean)), text(highest), ...drawing];
}

function isShare(name: string): boolean {
  return name === 'cpu' || name === 'use' || name.startsWith('pressure:');
}
