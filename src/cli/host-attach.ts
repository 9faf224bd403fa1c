import { defineCommand } from './command.ts';
import { converse } from './converse.ts';
import { serverOptions } from './open-server.ts';
import { openSessions } from './server-sessions.ts';
import { SessionTerminal } from './session-terminal.ts';
import { detachKeysOption, keysOf } from './terminal-input.ts';
import { withWorkspace, workspaceWord } from './workspace-place.ts';

export const hostAttach = defineCommand(
  {
    operands: ['<host/workspace>'],
    options: {
      'no-stdin': { type: 'boolean', summary: 'Only look' },
      ...detachKeysOption,
      ...serverOptions,
    },
    details: [
      'What the main program of a workspace prints from now on, and, where its spec has `stdin`, what is typed to it.',
      'Exits with its exit code when it ends. Without a terminal, Ctrl-C goes to it as a signal, and a second one leaves.',
      'Ctrl-P Ctrl-Q leaves a terminal, and Ctrl-C with --no-stdin; the program goes on.',
    ],
    examples: ['agora host attach gpu-box-1/console', 'agora host attach gpu-box-1/web --no-stdin'],
  },
  async ({ operands: [typed = ''], options }, context) => {
    const place = workspaceWord(typed);
    const hasInput = options['no-stdin'] !== true;
    const session = {
      ...{ kind: 'attach' as const, workspace: place.workspace, interactive: hasInput },
      ...(hasInput && SessionTerminal.isThere && { terminal: new SessionTerminal(context.stdout).size }),
    };
    const detachKeys = keysOf(options['detach-keys']);
    // Its program drew its screen before anybody came.
    const conversation = { session, hasInput, detachKeys, isJoined: true, reopens: true };
    const sessions = await openSessions(options, context);
    return await sessions.during(() =>
      withWorkspace(sessions.client, place, (host) => converse(sessions, { ...conversation, host }, context)),
    );
  },
);
