import { AppError } from '../contracts/errors.ts';
import type { SessionSpec } from '../contracts/session-wire.ts';
import { defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { followLog } from './follow-log.ts';
import { serverOptions } from './open-server.ts';
import { openSessions, type ServerSessions } from './server-sessions.ts';
import { sinceWord } from './since-word.ts';
import { withWorkspace, workspaceWord } from './workspace-place.ts';

type LogSource = Extract<SessionSpec, { readonly kind: 'logs' }>['source'];

interface LogPlace {
  /** Undefined of the server itself. */
  readonly host?: string;
  readonly source: LogSource;
}

const mostLines = 1_000_000;

export const hostLogs = defineCommand(
  {
    operands: ['[host[/workspace]]'],
    options: {
      follow: { type: 'boolean', short: 'f', summary: 'Go on as more comes' },
      since: { type: 'string', value: '<time>', summary: 'From then on: 10m, 1h30m, 2026-11-22T10:00:00Z' },
      tail: {
        type: 'string',
        short: 'n',
        value: '<n>',
        summary: 'Of what is there, the last lines only (default: all)',
      },
      timestamps: { type: 'boolean', short: 't', summary: 'Begin each line with its time' },
      build: { type: 'string', value: '<build>', summary: 'The log of a build of the host' },
      'server-log': { type: 'boolean', summary: "The server's own log" },
      ...serverOptions,
    },
    details: [
      "Prints the log of a workspace; of a host alone that of its agent. A workspace's two outputs stay two.",
      'With --follow it goes on where a link is lost for a while, and where an agent starts again, without a line twice.',
    ],
    examples: [
      'agora host logs gpu-box-1/web --tail 100 -f',
      'agora host logs gpu-box-1 --since 10m',
      'agora host logs --server-log -t',
    ],
  },
  async ({ operands: [typed], options }, context) => {
    const { follow = false, timestamps = false, build } = options;
    const tail = options.tail === undefined || options.tail === 'all' ? undefined : lineCount(options.tail);
    const isOfServer = options['server-log'] === true;
    if (isOfServer !== (typed === undefined) || (isOfServer && build !== undefined)) throw notOneLog(typed);
    if (build !== undefined && typed?.includes('/')) throw notOfHost(build, typed);
    const sessions = await openSessions(options, context);
    const show = ({ host, source }: LogPlace) => {
      const since = options.since === undefined ? undefined : sinceWord(options.since, sessions.client.now());
      const log = {
        source,
        follow,
        timestamps,
        ...(since !== undefined && { since }),
        ...(tail !== undefined && { tail }),
      };
      return followLog(sessions, { ...(host !== undefined && { host }), log }, context);
    };
    return await sessions.during(() => withPlace(sessions, typed, build, show));
  },
);

async function withPlace(
  { client }: ServerSessions,
  typed: string | undefined,
  build: string | undefined,
  show: (place: LogPlace) => Promise<number>,
): Promise<number> {
  if (typed === undefined) return await show({ source: { of: 'server' } });
  if (typed.includes('/')) {
    const word = workspaceWord(typed);
    const source = { of: 'workspace', name: word.workspace } as const;
    return await withWorkspace(client, word, (host) => show({ host, source }));
  }
  const { name: host } = await findHost(client, typed);
  return await show({ host, source: build === undefined ? { of: 'agent' } : { of: 'build', id: build } });
}

function notOneLog(typed: string | undefined): AppError {
  const state = typed === undefined ? 'no host is named' : `"${typed}" and the server's are two logs`;
  return new AppError('usage', `Cannot print a log: ${state}`, { next: 'agora host logs --help' });
}

function notOfHost(build: string, typed: string): AppError {
  return new AppError(
    'usage',
    `Cannot print the log of build "${build}": builds are of a host, and "${typed}" is a workspace`,
    {
      next: `agora host logs ${typed.split('/')[0]} --build ${build}`,
    },
  );
}

function lineCount(typed: string): number {
  if (/^[0-9]{1,7}$/.test(typed) && Number(typed) <= mostLines) return Number(typed);
  throw new AppError('usage', `Cannot use --tail "${typed}": it is not a number of lines up to ${mostLines}, or all`);
}
