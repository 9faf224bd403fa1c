import type { Shell } from '../compute/compute.ts';
import { exitCodes } from '../contracts/errors.ts';
import { actorName, actorOption } from './actor.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { insecureOption } from './engine-option.ts';
import { requireDispatch } from './find-dispatch.ts';
import { openClient } from './open-client.ts';
import { configOption } from './open-orch.ts';
import { say } from './output.ts';
import { openSession, type ShellSession } from './shell-session.ts';
import { DetachKeys } from './terminal-input.ts';

/** Ends the input of a shell on a terminal. */
const endOfInput = Uint8Array.of(0x04);
const newline = 0x0a;
const killedCode = 128 + 9;

export const dispatchShell = defineCommand(
  {
    operands: ['<dispatch>'],
    options: { actor: actorOption, insecure: insecureOption, config: configOption },
    details: [
      'Opens a shell in the live worktree of a running dispatch, as the user its subagent runs as.',
      'What is seen on the terminal is recorded, and the patch will be marked human-touched.',
      'Ctrl-P Ctrl-Q leaves and lets the shell go on; it ends with the worker.',
      "Exits with the shell's own exit code, 137 when the worker ended and took it along.",
    ],
    examples: ['agora dispatch shell d-4f7k', 'echo ls | agora dispatch shell fanout-1/edit-alpha'],
  },
  async ({ operands, options }, context) => {
    const { client } = await openClient(options.config, context);
    const dispatchId = await requireDispatch(client, operands[0] ?? '');
    const actor = actorName(options.actor, context.env);
    const { columns, rows } = context.stdout;
    const session = await openSession(client, dispatchId, { actor, columns, rows, signal: context.stop });
    try {
      await announce(session, dispatchId, context);
      return await converse(session, context);
    } finally {
      const recording = await session.finish();
      await say(context.stderr, `agora: what was seen: agora artifact get ${recording} --out shell.cast`);
    }
  },
);

async function announce(
  { unknownSecrets }: ShellSession,
  dispatchId: string,
  { stderr }: CommandContext,
): Promise<void> {
  await say(stderr, `agora: shell in ${dispatchId}, recorded; its patch will be marked human-touched`);
  if (unknownSecrets.length > 0)
    await say(
      stderr,
      `agora: not blacked out in the recording: ${unknownSecrets.join(', ')}, which cannot be read here`,
    );
}

/** Until the shell ends or is left. */
async function converse(session: ShellSession, context: CommandContext): Promise<number> {
  const { shell, recording } = session;
  const left = Promise.withResolvers<void>();
  const restore = rawTerminal();
  const onResize = (): void => {
    const { columns, rows } = context.stdout;
    // A shell that has just ended has no size any more.
    void Promise.all([shell.resize(columns, rows), recording.resized(columns, rows)]).catch(() => undefined);
  };
  process.stdout.on('resize', onResize);
  context.stop.addEventListener('abort', () => left.resolve(), { once: true });
  // Writing to a shell that has ended fails; its end is told by its output.
  void typeInto(session, context, left.resolve).catch(() => undefined);
  const shown = show(session, context);
  shown.catch(() => undefined); // Told by the race; a late failure must not end the process.
  try {
    const isLeft = await Promise.race([shown.then(() => false), left.promise.then(() => true)]);
    // A signal that came before anyone listened has closed it.
    if (!isLeft && !context.stop.aborted) return await toldExit(shell, context);
    await shell.close();
    restore();
    await say(context.stderr, '\nagora: left; what runs in the shell goes on until its worker ends');
    return context.stop.aborted ? exitCodes.interrupted : exitCodes.ok;
  } finally {
    process.stdout.off('resize', onResize);
    restore();
  }
}

async function toldExit(shell: Shell, { stderr }: CommandContext): Promise<number> {
  const code = await shell.exited;
  if (code === killedCode) await say(stderr, '\nagora: the shell was killed, as it is when its worker ends');
  return code;
}

async function show({ shell, recording }: ShellSession, { stdout }: CommandContext): Promise<void> {
  for await (const bytes of shell.output) {
    await Promise.all([stdout.write(bytes), recording.output(bytes)]);
  }
}

async function typeInto({ shell }: ShellSession, { stdin }: CommandContext, leave: () => void): Promise<void> {
  const keys = new DetachKeys();
  let last = newline;
  for await (const typed of stdin) {
    const { bytes, isDetached } = keys.take(typed);
    if (bytes.length > 0) await shell.write(bytes);
    if (isDetached) return leave();
    last = bytes.at(-1) ?? last;
  }
  // In the middle of a line the first one only sends it off.
  await shell.write(last === newline ? endOfInput : Uint8Array.of(...endOfInput, ...endOfInput));
}

/** Keys go through as they are pressed; gives what undoes it. */
function rawTerminal(): () => void {
  const { stdin } = process;
  if (!stdin.isTTY) return () => undefined;
  stdin.setRawMode(true);
  return () => {
    try {
      stdin.setRawMode(false);
    } catch {
      // The terminal itself is gone.
    }
  };
}
