import { randomUUID } from 'node:crypto';
import type { DispatchRecord } from '../contracts/dispatch.ts';
import { type ExitCode, exitCodes } from '../contracts/errors.ts';
import { actorName, actorOption } from './actor.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { sayIfNoDaemon } from './daemon-presence.ts';
import { statusText } from './dispatch-text.ts';
import { insecureOption } from './engine-option.ts';
import { requireDispatch } from './find-dispatch.ts';
import { openClient } from './open-client.ts';
import { configOption, openOrch } from './open-orch.ts';
import { say } from './output.ts';

export const dispatchCancel = defineCommand(
  {
    operands: ['<dispatch>'],
    options: { actor: actorOption, insecure: insecureOption, config: configOption },
    details: [
      'Stops its worker, waits until it has ended and says what was kept. An attempt of a run is cancelled by the daemon, with',
      'its item. Exits 0 also when it had ended already.',
    ],
    examples: ['agora dispatch cancel d-4f7k', 'agora dispatch cancel fanout-1/edit-alpha'],
  },
  async ({ operands, options }, context) => {
    const { client } = await openClient(options.config, context);
    const dispatchId = await requireDispatch(client, operands[0] ?? '');
    const actor = actorName(options.actor, context.env);
    const onProblem = (line: string) => void say(context.stderr, `agora: ${line}`);
    const { kind, record } = await client.dispatch.cancel(dispatchId, { actor, onProblem });
    if (kind === 'of-a-run' && record.run !== undefined) return cancelItem(record.run, actor, options.config, context);
    const line = kind === 'cancelled' ? cancelledLine(record) : `had ended already: ${statusText(record)}`;
    await say(context.stderr, `agora: dispatch ${dispatchId} ${line}`);
    return exitCodes.ok;
  },
);

function cancelledLine({ startedAt, result }: DispatchRecord): string {
  if (result?.question !== undefined) return 'asks no more; what it had done is kept';
  if (startedAt === undefined) return 'was cancelled before its worker started';
  const patch = result?.artifacts.find(({ port }) => port === 'patch');
  if (patch === undefined) return 'was cancelled: its worker is stopped and removed; it had changed nothing';
  return `was cancelled: its worker is stopped and removed; what it had written: agora artifact get ${patch.ref}`;
}

async function cancelItem(
  { runId, itemId }: NonNullable<DispatchRecord['run']>,
  actor: string,
  config: string | undefined,
  context: CommandContext,
): Promise<ExitCode> {
  const { orch } = await openOrch(config, context);
  const at = new Date().toISOString();
  await orch.transport.control(randomUUID(), { kind: 'cancel', runId, itemId, actor, at });
  await say(
    context.stderr,
    `agora: it is an attempt of item "${itemId}" of run "${runId}"; asked the daemon to cancel that item; see it happen with: agora orch watch ${runId}`,
  );
  await sayIfNoDaemon(orch.transport, context.stderr);
  return exitCodes.ok;
}
