import { defineCommand } from './command.ts';
import { converse } from './converse.ts';
import { matchId } from './match-id.ts';
import { serverOptions } from './open-server.ts';
import { openSessions } from './server-sessions.ts';
import { detachKeysOption, keysOf } from './terminal-input.ts';

export const hostJoin = defineCommand(
  {
    operands: ['<session>'],
    options: {
      'no-stdin': { type: 'boolean', summary: 'Only look' },
      ...detachKeysOption,
      ...serverOptions,
    },
    details: [
      'Shows what is kept of its output, the last MiB, and goes on with it. Several may view one session, and type in it.',
      "One that was left waits 5 min for somebody. Sessions are one's own; an admin may join anybody's.",
      'With --no-stdin, Ctrl-C leaves.',
    ],
    examples: ['agora host join s-4f7kq2mzra', 'agora host join s-4f7k --no-stdin'],
  },
  async ({ operands: [word = ''], options }, context) => {
    const detachKeys = keysOf(options['detach-keys']);
    const sessions = await openSessions(options, context);
    return await sessions.during(async () => {
      const { sessions: known } = await sessions.client.call('listSessions', {});
      const { sessionId, host, kind } = matchId(word, known, { idOf: (one) => one.sessionId, kind: 'session' });
      const isTypedIn = kind === 'exec' || kind === 'attach';
      return await converse(
        sessions,
        {
          ...(host !== undefined && { host }),
          session: { kind: 'join', sessionId },
          hasInput: isTypedIn && options['no-stdin'] !== true,
          detachKeys,
          ...{ isJoined: true, reopens: false },
        },
        context,
      );
    });
  },
);
