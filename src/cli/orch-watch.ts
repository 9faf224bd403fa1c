import { AppError, type ExitCode, exitCodes } from '../contracts/errors.ts';
import type { RunId } from '../contracts/ids.ts';
import { environmentNames } from '../contracts/names.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { DaemonLook } from './daemon-presence.ts';
import { asRunId, findRun, knownRuns } from './find-run.ts';
import { followRun, type RunEvent } from './follow-run.ts';
import { configOption, type OpenedOrch, openOrch } from './open-orch.ts';
import { type Output, say } from './output.ts';
import { problemLines } from './plan-input.ts';
import { isWhollyDone, mergeStatus, type RunState } from './run-state.ts';
import { openRunView, type RunView } from './run-view.ts';
import { questionLines } from './status-tree.ts';

/** How long a run that nobody submitted may still come. */
const unsubmittedWaitMs = 30_000;

export const orchWatch = defineCommand(
  {
    operands: ['<run>'],
    options: {
      tree: { type: 'boolean', summary: 'Show a live view instead of JSON lines (also: AGORA_WATCH=tree)' },
      config: configOption,
    },
    details: [
      'Prints one line of JSON per change of the run, from its first to its last, and ends with the run.',
      'Exits 0 only if every item is done.',
    ],
    examples: ['agora orch watch fanout-1', 'agora orch watch fanout-1 --tree'],
  },
  async ({ operands, options }, context) => {
    const [word = ''] = operands;
    const opened = await openOrch(options.config, context);
    const runId = (await findRun(opened.orch.transport, word)) ?? asRunId(word);
    const isTree = options.tree === true || context.env[environmentNames.watch] === 'tree';
    if (!isTree && context.stdout.isTerminal) {
      await say(context.stderr, 'agora: --tree (or AGORA_WATCH=tree) shows this as a live view');
    }
    const view = openRunView(isTree ? 'tree' : 'json', context.stdout);
    try {
      return await watch(opened, runId, { view, isTree }, context);
    } finally {
      await view.close();
    }
  },
);

async function watch(
  opened: OpenedOrch,
  runId: RunId,
  { view, isTree }: { readonly view: RunView; readonly isTree: boolean },
  context: CommandContext,
): Promise<ExitCode> {
  const { transport } = opened.orch;
  const startedAt = Date.now();
  const daemonLook = new DaemonLook(transport, context.stderr);
  let hasSaidUnknown = false;
  let isReached = true;
  const said = new Set<string>();
  let state: RunState | undefined;
  for await (const event of followRun(transport, runId, context.stop)) {
    if (isReached !== (event.kind !== 'unreachable')) {
      isReached = !isReached;
      await say(context.stderr, isReached ? 'agora: the mailbox is there again' : outageText(event));
    }
    switch (event.kind) {
      case 'status':
        state = mergeStatus(state, event.record);
        await view.show(state);
        // A tree shows questions itself; those of the past may be answered.
        if (!isTree && event.isLatest) await sayQuestions(state, said, context.stderr);
        break;
      case 'rejected':
        await say(context.stderr, `agora: Run "${runId}" was rejected:\n${problemLines(event.problems).join('\n')}`);
        return exitCodes.no;
      case 'quiet':
        if (!event.isSubmitted) {
          if (!hasSaidUnknown) await say(context.stderr, await waitingText(opened, runId));
          hasSaidUnknown = true;
          if (Date.now() - startedAt > unsubmittedWaitMs) throw nobodySubmitted(runId);
        }
        await daemonLook.sayOnceIfNone();
        await view.refresh();
        break;
      case 'unreachable':
        await view.refresh();
        break;
    }
  }
  return state !== undefined && isWhollyDone(state) ? exitCodes.ok : exitCodes.no;
}

/** Says once of each question that it waits, and what answers it. */
async function sayQuestions({ record, items }: RunState, said: Set<string>, stderr: Output): Promise<void> {
  for (const item of items.values()) {
    if (item.question === undefined || said.has(item.question.dispatchId)) continue;
    said.add(item.question.dispatchId);
    const lines = [`agora: item "${item.id}" waits for an answer:`, ...questionLines(record.runId, item)];
    await say(stderr, lines.join('\n'));
  }
}

function outageText(event: RunEvent): string {
  const reason = event.kind === 'unreachable' ? event.error.message : '';
  return `agora: the mailbox cannot be reached, still trying: ${reason}`;
}

async function waitingText({ orch }: OpenedOrch, runId: RunId): Promise<string> {
  const known = knownRuns(await orch.transport.runIds());
  return `agora: run "${runId}" is not submitted yet (${known}); waiting up to ${unsubmittedWaitMs / 1000} s for it`;
}

function nobodySubmitted(runId: RunId): AppError {
  return new AppError('not-found', `Cannot watch run "${runId}": nobody submitted it`, { next: 'agora orch runs' });
}
