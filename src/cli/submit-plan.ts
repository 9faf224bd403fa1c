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
  /** What to tell a person when the same run was there before. */
  readonly before: string | undefined;
}

/** Checks a plan, snapshots its source and puts it into the inbox; a run that is there is not submitted again. */
export async function submitPlan(orch: OrchContext, request: SubmitRequest): Promise<Submitted> {
  const { input, actor } = request;
  const reading = readPlan(input.content, orch.declarations, {
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

/** In words, the same run that is there already; undefined when there is none. Another plan under the id is an error. */
async function findSameRun(orch: OrchContext, runId: RunId, planDigest: Digest): Promise<string | undefined> {
  const accepted = await orch.transport.accepted(runId);
  if (accepted !== undefined) {
    if (accepted.planDigest !== planDigest) throw otherContent(runId);
    return describeRun(orch, runId);
  }
  const waiting = await orch.transport.waitingSubmissions(runId);
  if (waiting.includes(hexOf(planDigest))) return `run "${runId}" was submitted before and waits for the daemon`;
  if (waiting.length > 0) throw otherContent(runId);
  return undefined;
}

async function describeRun(orch: OrchContext, runId: RunId): Promise<string> {
  const state = await readRunState(orch.transport, runId);
  if (state === undefined) return `run "${runId}" was submitted before and is queued`;
  const { status, at } = state.record;
  if (!isTerminalRun(status)) return `run "${runId}" was submitted before and is ${status}`;
  return `run "${runId}" is the same plan and finished at ${at} as ${status}; --id <new id> runs it again`;
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
