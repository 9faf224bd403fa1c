import type { WorkspaceStatus } from '../contracts/host-change.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import { entryOf } from './entry-of.ts';
import { endOf } from './gate.ts';
import type { Pass } from './pass.ts';
import { isRefused } from './refusals.ts';
import { attemptOf, isFresh, startFailureOf, type Workspace } from './workspace.ts';

type State = WorkspaceStatus['state'];

/** How a workspace is, in one word; `reason` is why it does not run as declared, where that is known already. */
export function statusOf(pass: Pass, workspace: Workspace, reason: string | undefined): WorkspaceStatus {
  const { name, spec, slots, blockedBy } = workspace;
  const container = slots.current ?? slots.previous ?? slots.next;
  const { state, because } = container === undefined ? absent(pass, workspace) : present(pass, workspace, container);
  const why =
    reason ?? because ?? replacement(pass, workspace, container) ?? (state === 'running' ? undefined : blockedBy);
  return {
    name,
    state,
    ...(why === undefined ? {} : { reason: why.slice(0, 4096) }),
    ...(container === undefined ? {} : sinceOf(container)),
    restarts: (container?.restartCount ?? 0) + (entryOf(pass.memory.restarts, name)?.count ?? 0),
    image: spec.image,
    ...(container === undefined ? {} : { containerId: container.id }),
  };
}

interface Found {
  readonly state: State;
  readonly because?: string | undefined;
}

function absent(pass: Pass, workspace: Workspace): Found {
  const { name, slots, image, blockedBy } = workspace;
  if (slots.taken.includes(name)) return { state: 'foreign', because: `a container called "${name}" is not ours` };
  const failure = entryOf(pass.memory.failures, attemptOf(workspace).attempt);
  if (failure !== undefined) return { state: 'failed', because: failure.message };
  if (image.work !== undefined) return { state: image.work };
  return { state: 'waiting', because: blockedBy };
}

function present(pass: Pass, workspace: Workspace, container: ObservedContainer): Found {
  const { name, spec, isWanted, unwantedBecause } = workspace;
  switch (container.status) {
    case 'running':
      if (container.health === 'unhealthy') return { state: 'unhealthy', because: 'its health check fails' };
      return { state: container.health === 'starting' ? 'starting' : 'running' };
    case 'restarting':
      return { state: 'restarting', because: endOf(container) };
    case 'created':
      if (!isWanted) return { state: 'stopped', because: unwantedBecause };
      return { state: startFailureOf(pass, name, container) === undefined ? 'starting' : 'failed' };
    case 'exited':
      if (!isWanted) return { state: 'stopped', because: unwantedBecause };
      if (container.exitCode === 0) return { state: 'stopped', because: endOf(container) };
      return { state: spec.restart === 'no' ? 'failed' : 'restarting', because: endOf(container) };
    case 'paused':
    case 'removing':
      return { state: 'stopped', because: `it is ${container.status}` };
    case 'dead':
      return { state: 'failed', because: 'the engine cannot start it any more' };
  }
}

/** Why what runs is not what is declared. */
function replacement(pass: Pass, workspace: Workspace, container: ObservedContainer | undefined): string | undefined {
  if (container === undefined || isFresh(workspace, container)) return undefined;
  const { name } = workspace;
  if (isRefused(pass, workspace)) return entryOf(pass.memory.refused, name)?.reason;
  const failure = entryOf(pass.memory.failures, attemptOf(workspace).attempt);
  return failure?.message ?? workspace.blockedBy;
}

function sinceOf({ status, startedAt, finishedAt }: ObservedContainer): { since?: string } {
  const since = status === 'running' ? startedAt : (finishedAt ?? startedAt);
  return since === undefined ? {} : { since };
}
