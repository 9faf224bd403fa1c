import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { withDeadline } from '../base/deadline.ts';
import type { OrchContext } from '../config/orch-context.ts';
import { AppError } from '../contracts/errors.ts';
import type { RunId } from '../contracts/ids.ts';
import { isTerminalRun } from '../contracts/run.ts';
import { isPresent } from '../orchestrator/presence.ts';
import { actorName } from './actor.ts';
import type { CommandContext } from './command.ts';
import type { DaemonChild } from './daemon-child.ts';
import { demoRunId, exampleFolder } from './demo-example.ts';
import { followRun } from './follow-run.ts';
import { ItemClock } from './item-clock.ts';
import { say } from './output.ts';
import { problemLines, readPlanInput } from './plan-input.ts';
import { mergeStatus, type RunState } from './run-state.ts';
import { openRunView } from './run-view.ts';
import { submitPlan } from './submit-plan.ts';

export interface DemoRun {
  readonly runId: RunId;
  readonly state: RunState;
  readonly clock: ItemClock;
}

/** How long a cancelled run may take to end. */
const cancelDeadlineMs = 20_000;

/** Submits the example's plan and shows it to its end. Aborted, it cancels the run before it throws. */
export async function runDemoPlan(
  orch: OrchContext,
  daemon: DaemonChild | undefined,
  context: CommandContext,
): Promise<DemoRun> {
  const input = await readPlanInput(join(exampleFolder, 'plan.json'), context);
  const actor = actorName(undefined, context.env);
  const { runId } = await submitPlan(orch, { input, actor, id: demoRunId(Date.now()) });
  await say(context.stdout, `Submitted as ${runId}\n`);
  let state: RunState | undefined;
  try {
    const clock = new ItemClock();
    state = await showToEnd(orch, runId, { clock, daemon, context });
    return { runId, state, clock };
  } finally {
    if (state === undefined) await cancelRun(orch, runId, { actor, force: context.force });
  }
}

interface ShowOptions {
  readonly clock: ItemClock;
  readonly daemon: DaemonChild | undefined;
  readonly context: CommandContext;
}

async function showToEnd(orch: OrchContext, runId: RunId, options: ShowOptions): Promise<RunState> {
  const { clock, daemon, context } = options;
  let state: RunState | undefined;
  const view = openRunView('tree', context.stdout);
  try {
    for await (const event of followRun(orch.transport, runId, context.stop)) {
      if (event.kind === 'rejected') {
        const lines = problemLines(event.problems).join('\n');
        throw new AppError('run-failed', `Cannot run the example's plan: the daemon rejected it\n${lines}`);
      }
      if (event.kind !== 'status') {
        if (daemon === undefined) await assertSomeDaemon(orch);
        else daemon.assertRunning();
        continue;
      }
      state = mergeStatus(state, event.record);
      clock.note(event.record);
      await view.show(state);
      if (isTerminalRun(event.record.status)) return state;
    }
  } finally {
    await view.close();
  }
  throw new AppError('interrupted', `Stopped following run "${runId}"`);
}

/** The daemon of someone else may go; then nobody runs this any more. */
async function assertSomeDaemon(orch: OrchContext): Promise<void> {
  if (isPresent(await orch.transport.presence(), Date.now())) return;
  throw new AppError('not-ready', 'Cannot go on with the demo: the daemon that ran here has ended', {
    next: 'agora demo',
  });
}

async function cancelRun(
  orch: OrchContext,
  runId: RunId,
  { actor, force }: { readonly actor: string; readonly force: AbortSignal },
): Promise<void> {
  const at = new Date().toISOString();
  await orch.transport.control(randomUUID(), { kind: 'cancel', runId, actor, at });
  if (!isPresent(await orch.transport.presence(), Date.now())) return;
  for await (const _ of followRun(orch.transport, runId, withDeadline(cancelDeadlineMs, force)));
}
