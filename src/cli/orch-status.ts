import { AppError, exitCodes } from '../contracts/errors.ts';
import type { RunId } from '../contracts/ids.ts';
import { isTerminalRun } from '../contracts/run.ts';
import type { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { sayIfNoDaemon } from './daemon-presence.ts';
import { printDaemon } from './daemon-status.ts';
import { requireRun } from './find-run.ts';
import { ItemClock } from './item-clock.ts';
import { jsonText } from './json-text.ts';
import { notTaken } from './not-taken.ts';
import { configOption, openOrch } from './open-orch.ts';
import { say } from './output.ts';
import { printRuns } from './run-list.ts';
import { type RunState, readRunState } from './run-state.ts';
import { treeLines } from './status-tree.ts';

export const orchStatus = defineCommand(
  {
    operands: ['[run]'],
    options: {
      json: { type: 'boolean', summary: 'Print JSON' },
      daemon: { type: 'boolean', summary: 'Print who serves, and exit 3 if nobody does' },
      config: configOption,
    },
    details: [
      'Prints one run with its items, or without a run the list of runs.',
      'With --daemon it looks for the sign of life in the mailbox, so it works from any machine and needs no port.',
    ],
    examples: ['agora orch status fanout-1', 'agora orch status --json', 'agora orch status --daemon'],
  },
  async ({ operands, options }, context) => {
    const [word] = operands;
    if (options.daemon === true && word !== undefined) throw twoQuestions(word);
    const { orch } = await openOrch(options.config, context);
    const isJson = options.json === true;
    if (options.daemon === true) await printDaemon(orch.transport, context.stdout, isJson);
    else if (word === undefined) await printRuns(orch.transport, context, isJson);
    else await printRun(orch.transport, await requireRun(orch.transport, word), context, isJson);
    return exitCodes.ok;
  },
);

function twoQuestions(run: string): AppError {
  return new AppError('usage', `Cannot show "${run}" with --daemon: these are two questions`, {
    next: `agora orch status ${run}`,
  });
}

async function printRun(
  transport: MailboxSubmissionTransport,
  runId: RunId,
  context: CommandContext,
  isJson: boolean,
): Promise<void> {
  const state = await readRunState(transport, runId);
  if (state === undefined) throw await notTaken(transport, runId, `Cannot show run "${runId}"`);
  if (!isTerminalRun(state.record.status)) await sayIfNoDaemon(transport, context.stderr);
  if (isJson) {
    await say(context.stdout, jsonText(wholeRecord(state), 2));
    return;
  }
  // Nothing is drawn again here, so lines may wrap: a reason ends with the command to go on with.
  const frame = { now: Date.now(), columns: Infinity, rows: Infinity };
  await say(context.stdout, treeLines(state, new ItemClock(), frame).join('\n'));
}

function wholeRecord(state: RunState) {
  const { partial: _, ...record } = state.record;
  return { ...record, items: [...state.items.values()] };
}
