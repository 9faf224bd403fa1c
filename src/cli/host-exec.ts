import { AppError } from '../contracts/errors.ts';
import type { SessionSpec } from '../contracts/session-wire.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { converse } from './converse.ts';
import { serverOptions } from './open-server.ts';
import { openSessions } from './server-sessions.ts';
import { SessionTerminal } from './session-terminal.ts';
import { detachKeysOption, keysOf } from './terminal-input.ts';
import { withWorkspace, workspaceWord } from './workspace-place.ts';

export const hostExec = defineCommand(
  {
    operands: ['<host/workspace>', '<command...>'],
    restBegins: 1,
    options: {
      interactive: { type: 'boolean', short: 'i', summary: 'Pass on what is typed, or piped in' },
      tty: { type: 'boolean', short: 't', summary: 'Give the command a terminal' },
      env: {
        type: 'string',
        short: 'e',
        value: '<NAME=value>',
        multiple: true,
        summary: 'Variable for the command; without a value: that of here',
      },
      user: { type: 'string', short: 'u', value: '<user[:group]>', summary: "Run it as (default: the container's)" },
      workdir: { type: 'string', short: 'w', value: '<folder>', summary: "Run it in (default: the container's)" },
      ...detachKeysOption,
      ...serverOptions,
    },
    details: [
      "Runs a command in a workspace's container and exits with its exit code. It goes on where the link is lost for a while.",
      'Without a terminal, Ctrl-C goes to the command as a signal, and a second one leaves. On one it is a key as any other,',
      'and Ctrl-P Ctrl-Q leaves: the command goes on, and agora host join comes back to it.',
    ],
    examples: [
      'agora host exec -it gpu-box-1/web sh',
      'agora host exec gpu-box-1/web -- ls -l /srv',
      'echo hello | agora host exec -i gpu-box-1/web cat',
    ],
  },
  async ({ operands: [typed = '', ...command], options }, context) => {
    const place = workspaceWord(typed);
    const isInteractive = options.interactive === true;
    const wantsTerminal = options.tty === true;
    const detachKeys = keysOf(options['detach-keys']);
    if (wantsTerminal && isInteractive && !SessionTerminal.isThere) throw noTerminal();
    const spec: SessionSpec = {
      kind: 'exec',
      workspace: place.workspace,
      command,
      env: (options.env ?? []).flatMap((variable) => lineOf(variable, context)),
      interactive: isInteractive,
      ...(options.user !== undefined && { user: options.user }),
      ...(options.workdir !== undefined && { workdir: options.workdir }),
      ...(wantsTerminal && { terminal: { columns: context.stdout.columns, rows: context.stdout.rows } }),
    };
    const sessions = await openSessions(options, context);
    const conversation = { session: spec, hasInput: isInteractive, detachKeys, isJoined: false, reopens: false };
    return await sessions.during(() =>
      withWorkspace(sessions.client, place, (host) => converse(sessions, { ...conversation, host }, context)),
    );
  },
);

function noTerminal(): AppError {
  return new AppError('usage', 'Cannot give the command a terminal: the input here is none', {
    next: 'Leave out -t.',
  });
}

/** None where a variable without a value is not set here. */
function lineOf(typed: string, { env }: CommandContext): string[] {
  const [, name = '', value] = /^([^=]*)(?:=(.*))?$/s.exec(typed) ?? [];
  if (name === '') throw new AppError('usage', `Cannot use --env "${typed}": it does not begin with a name`);
  const known = value ?? env[name];
  return known === undefined ? [] : [`${name}=${known}`];
}
