import { formatDuration } from '../base/duration.ts';
import { exitCodes } from '../contracts/errors.ts';
import type { LiveSession } from '../contracts/routes-sessions.ts';
import type { ServerClient } from '../server-client/server-client.ts';
import { defineCommand } from './command.ts';
import { jsonText } from './json-text.ts';
import { matchId } from './match-id.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { printTable } from './print-table.ts';

export const hostSessions = defineCommand(
  {
    operands: [],
    options: {
      end: { type: 'string', value: '<session>', summary: 'End it, for all who view it' },
      json: { type: 'boolean', summary: 'Print JSON' },
      ...serverOptions,
    },
    details: [
      'One line each, with tabs between: id, user, host and workspace, kind, what of it, since when, who views it.',
      "One's own; an operator sees everybody's. One that nobody views waits 5 min for somebody.",
    ],
    examples: ['agora host sessions', 'agora host sessions --end s-4f7k'],
  },
  async ({ options }, context) => {
    const { stdout, stderr } = context;
    const client = await openServer(options, context);
    const { sessions } = await client.call('listSessions', {});
    if (options.end !== undefined) {
      const { sessionId } = matchId(options.end, sessions, { idOf: (one) => one.sessionId, kind: 'session' });
      const ended = await client.call('endSession', { params: { sessionId } });
      await (options.json === true ? say(stdout, jsonText(ended, 2)) : say(stderr, `agora: ended ${sessionId}`));
      return exitCodes.ok;
    }
    if (options.json === true) await say(stdout, jsonText(sessions, 2));
    else if (sessions.length === 0) await say(stderr, 'agora: there are no sessions');
    else
      await printTable(stdout, ['id', 'user', 'where', 'kind', 'what', 'since', 'viewers'], rowsOf(sessions, client));
    return exitCodes.ok;
  },
);

function rowsOf(sessions: readonly LiveSession[], client: ServerClient): string[][] {
  const now = client.now();
  return sessions.map(({ sessionId, user, host = 'the server', workspace, kind, what, openedAt, viewers }) => [
    sessionId,
    user,
    workspace === undefined ? host : `${host}/${workspace}`,
    kind,
    what,
    `${formatDuration(Math.max(0, now - Date.parse(openedAt)))} ago`,
    viewers.join(', ') || 'waits',
  ]);
}
