import { waitUntil } from '../base/deadline.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { containerLabels } from '../contracts/names.ts';
import type { ContainerSpec, ContainerState, Engine } from '../engine/engine.ts';

/** How long an engine may still take to say what it made, when nobody wants it any more. */
const createGraceMs = 3_000;

export type Claim =
  | { readonly kind: 'created'; readonly id: string }
  /** It was there and had been started. */
  | { readonly kind: 'existing'; readonly state: ContainerState };

/**
 * The container's name is the claim on a dispatch: one is made, or the one that is there is taken. One that was made
 * and never started is what a crash left; whether its inputs are whole cannot be known, so it is made again.
 */
export async function claimContainer(engine: Engine, spec: ContainerSpec, signal: AbortSignal): Promise<Claim> {
  const late = lateAbort(signal);
  for (let isLastTry = false; ; isLastTry = true) {
    try {
      return { kind: 'created', id: await engine.createContainer(spec, late) };
    } catch (error) {
      if (!isAppError(error, 'task-conflict') || isLastTry) throw error;
    }
    const state = await engine.inspectContainer(spec.name, signal);
    if (state === undefined) continue;
    refuseForeign(spec, state);
    if (state.status !== 'created') return { kind: 'existing', state };
    await removeContainer(engine, state.id);
  }
}

/** Aborts some time after the signal does. An engine makes a container also for a caller that hung up. */
function lateAbort(signal: AbortSignal): AbortSignal {
  const late = new AbortController();
  const abortLate = () => void setTimeout(() => late.abort(signal.reason), createGraceMs).unref();
  if (signal.aborted) late.abort(signal.reason);
  else signal.addEventListener('abort', abortLate, { once: true });
  return late.signal;
}

/** Resolves once it is gone, also when another caller is removing it. */
export async function removeContainer(engine: Engine, reference: string): Promise<void> {
  try {
    await engine.removeContainer(reference);
  } catch (error) {
    if (!isAppError(error, 'task-conflict')) throw error;
    const isGone = async () => (await engine.inspectContainer(reference)) === undefined;
    await waitUntil(`the removal of container "${reference}"`, isGone, { timeoutMs: 10_000, intervalMs: 50 });
  }
}

function refuseForeign(spec: ContainerSpec, { labels }: ContainerState): void {
  const identity = [containerLabels.deployment, containerLabels.dispatchId];
  if (identity.every((label) => labels[label] === spec.labels[label])) return;
  const owner = labels[containerLabels.deployment];
  const state = owner === undefined ? 'a container that is not ours has it' : `it belongs to deployment "${owner}"`;
  throw new AppError('task-conflict', `Cannot use the container name "${spec.name}": ${state}`, {
    next: `Remove that container if nothing needs it: \`docker rm -f ${spec.name}\`.`,
  });
}
