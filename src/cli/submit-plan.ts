import { resolve } from 'node:path';
import type { OrchContext } from '../config/orch-context.ts';
import { AppError } from '../contracts/errors.ts';
import type { Digest, RunId } from '../contracts/ids.ts';
import type { Source } from '../contracts/mailbox.ts';
import { formats } from '../contracts/names.ts';
import type { Plan } from '../contracts/plan.ts';
import { isTerminalRun } from '../contracts/run.ts';
import { readPlan } from '../orchestrator/plan.ts';
import { snapshotDirectory } from '../worktree/snapshot.ts';
import { invalidPlan, type PlanInput } from './plan-input.ts';
import { readRunState } from './run-state.ts';

export interface SubmitRequest {
  readonly input: PlanInput;
  readonly actor: string;
  readonly id?: string | undefined;
  readonly queue?: string | undefined;
}

export interface Submitted {
  readonly runId: RunId;
  readonly plan: Plan;
  /** The same run, when it was there before. */
  readonly before: EarlierRun | undefined;
}

export interface EarlierRun {
  readonly isFinished: boolean;
  /** For a person. */
  readonly text: string;
}

/** Checks a plan, snapshots its source and puts it into the inbox; a run that is there is not submitted again. */
export async function submitPlan(orch: OrchContext, request: SubmitRequest): Promise<Submitted> {
  const { input, actor } = request;
  const reading = await readPlan(input.content, orch, {
    ...(request.id === undefined ? {} : { id: request.id }),
    ...(request.queue === undefined ? {} : { queue: request.queue }),
  });
  if (reading.kind === 'invalid') throw invalidPlan(`Cannot submit "${input.label}"`, reading.problems);

  const { plan, planDigest } = reading;
  const before = await findSameRun(orch, plan.id, planDigest);
  if (before !== undefined) return { runId: plan.id, plan, before };

  const source = await snapshotSource(orch, plan, input.folder);
  await orch.transport.submit(plan.id, hexOf(planDigest), {
    format: formats.submission,
    plan,
    actor,
    submittedAt: new Date().toISOString(),
    ...(source === undefined ? {} : { source }),
  });
  return { runId: plan.id, plan, before: undefined };
}

function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** The same run if it is there already. Another plan under its id is an error. */
async function findSameRun(orch: OrchContext, runId: RunId, planDigest: Digest): Promise<EarlierRun | undefined> {
  // The inbox is read first: a run leaves it once it is announced as accepted.
  const waiting = await orch.transport.waitingSubmissions(runId);
  const accepted = await orch.transport.accepted(runId);
  if (accepted !== undefined) {
    if (accepted.planDigest !== planDigest) throw otherContent(runId);
    return describeRun(orch, runId);
  }
  if (waiting.includes(hexOf(planDigest))) return earlier(runId, 'waits for the daemon');
  if (waiting.length > 0) throw otherContent(runId);
  return undefined;
}

async function describeRun(orch: OrchContext, runId: RunId): Promise<EarlierRun> {
  const state = await readRunState(orch.transport, runId);
  if (state === undefined) return earlier(runId, 'is queued');
  const { status, at } = state.record;
  if (!isTerminalRun(status)) return earlier(runId, `is ${status}`);
  const text = `run "${runId}" is the same plan and finished at ${at} as ${status}; --id <new id> runs it again`;
  return { isFinished: true, text };
}

function earlier(runId: RunId, state: string): EarlierRun {
  return { isFinished: false, text: `run "${runId}" was submitted before and ${state}` };
}

function otherContent(runId: RunId): AppError {
  return new AppError('run-exists', `Cannot submit run "${runId}": another plan was submitted under this id`, {
    next: 'give this one an id of its own with --id <id>',
  });
}

async function snapshotSource(orch: OrchContext, plan: Plan, planFolder: string): Promise<Source | undefined> {
  const directory = plan.source === undefined ? orch.declarations.source : resolve(planFolder, plan.source);
  if (directory === undefined) return undefined;
  const inputKeys = new Set(plan.items.flatMap((item) => Object.keys(item.needs ?? {})));
  const { tar, sizeBytes, fileCount, repositoryPrefix } = await snapshotDirectory(directory, {
    inputKeys: [...inputKeys],
  });
  const { digest } = await orch.storage.putBlob(tar());
  return {
    snapshot: digest,
    sizeBytes,
    fileCount,
    directory,
    ...(repositoryPrefix === undefined ? {} : { repositoryPrefix }),
  };
}
