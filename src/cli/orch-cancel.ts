import { randomUUID } from 'node:crypto';
import { exitCodes } from '../contracts/errors.ts';
import { isTerminalItem, isTerminalRun } from '../contracts/run.ts';
import { actorName, actorOption } from './actor.ts';
import { defineCommand } from './command.ts';
import { sayIfNoDaemon } from './daemon-presence.ts';
import { findItem } from './find-item.ts';
import { requireRun } from './find-run.ts';
import { notTaken } from './not-taken.ts';
import { configOption, openOrch } from './open-orch.ts';
import { say } from './output.ts';
import { readRunState } from './run-state.ts';

export const orchCancel = defineCommand(
  {
    operands: ['<run>', '[item]'],
    options: { actor: actorOption, config: configOption },
    details: ['What the stopped work had written is kept. Items that depend on a cancelled item are skipped.'],
    examples: ['agora orch cancel fanout-1', 'agora orch cancel fanout-1 edit-beta'],
  },
  async ({ operands, options }, context) => {
    const [runWord = '', itemWord] = operands;
    const { orch } = await openOrch(options.config, context);
    const runId = await requireRun(orch.transport, runWord);
    const state = await readRunState(orch.transport, runId);
    if (state === undefined && (itemWord !== undefined || (await orch.transport.rejected(runId)) !== undefined)) {
      throw await notTaken(orch.transport, runId, `Cannot cancel run "${runId}"`);
    }
    const item = itemWord === undefined || state === undefined ? undefined : findItem(state, itemWord);
    if (state !== undefined && (isTerminalRun(state.record.status) || (item && isTerminalItem(item.status)))) {
      const subject = item === undefined ? `run "${runId}"` : `item "${item.id}" of run "${runId}"`;
      await say(context.stderr, `agora: ${subject} has ended already: ${(item ?? state.record).status}`);
      return exitCodes.ok;
    }
    await orch.transport.control(randomUUID(), {
      kind: 'cancel',
      runId,
      ...(item === undefined ? {} : { itemId: item.id }),
      actor: actorName(options.actor, context.env),
      at: new Date().toISOString(),
    });
    await say(context.stderr, `agora: asked to cancel; see it happen with: agora orch watch ${runId}`);
    await sayIfNoDaemon(orch.transport, context.stderr);
    return exitCodes.ok;
  },
);
