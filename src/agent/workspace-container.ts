import { AppError } from '../contracts/errors.ts';
import { hostLabels, nextContainerName, previousContainerName } from '../contracts/fleet-names.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import type { HostSpec } from '../contracts/host-spec.ts';

/** What containers of workspaces are found by. */
export interface WorkspacesSeen {
  readonly containers: readonly ObservedContainer[];
  /** Undefined until the server said it. */
  readonly hostId: string | undefined;
  /** Undefined until something is declared. */
  readonly spec: HostSpec | undefined;
}

/** The container of a workspace that people mean: while an update exchanges it there are two, and that which serves counts. */
export function containerOf(seen: WorkspacesSeen, workspace: string): ObservedContainer | undefined {
  return candidatesOf(seen, workspace).sort(byMeaning(workspace))[0];
}

/** Raises `not-found` where there is no such workspace, and `task-conflict` where nothing of it runs: each with what to do. */
export function runningContainerOf(seen: WorkspacesSeen, workspace: string): ObservedContainer {
  const found = containerOf(seen, workspace);
  if (found?.status === 'running') return found;
  throw found === undefined ? missing(seen, workspace) : stopped(seen, found, workspace);
}

/** Also one that does not run. Raises `not-found` where there is no such workspace, and `task-conflict` where it has none yet. */
export function existingContainerOf(seen: WorkspacesSeen, workspace: string): ObservedContainer {
  const found = containerOf(seen, workspace);
  if (found === undefined) throw missing(seen, workspace);
  return found;
}

export function isDeclared({ spec }: Pick<WorkspacesSeen, 'spec'>, workspace: string): boolean {
  return Object.hasOwn(spec?.workspaces ?? {}, workspace);
}

/** Why there is nothing of a workspace. */
function missing({ spec }: WorkspacesSeen, workspace: string): AppError {
  if (isDeclared({ spec }, workspace))
    return new AppError(
      'task-conflict',
      `Cannot reach workspace "${workspace}": it is declared, and has no container yet`,
      {
        next: 'agora host status says what it waits for.',
      },
    );
  const names = Object.keys(spec?.workspaces ?? {});
  return new AppError('not-found', `Cannot find workspace "${workspace}": this host has none of that name`, {
    next: names.length === 0 ? 'Declare one with: agora host apply' : `It has: ${names.join(', ')}`.slice(0, 1_000),
  });
}

function stopped(seen: WorkspacesSeen, { status, exitCode }: ObservedContainer, workspace: string): AppError {
  const isBeingReplaced = candidatesOf(seen, workspace).length > 1;
  if (isBeingReplaced)
    return new AppError(
      'task-conflict',
      `Cannot reach workspace "${workspace}": an update is replacing its container`,
      {
        next: 'Try again in a moment; agora host status shows the update.',
      },
    );
  const state = status === 'exited' ? `it ended with exit code ${exitCode}` : `it is ${status}`;
  return new AppError('task-conflict', `Cannot reach workspace "${workspace}": ${state}`, {
    next: 'agora host logs shows its last words, agora host status what it waits for.',
  });
}

function candidatesOf({ containers, hostId, spec }: WorkspacesSeen, workspace: string): ObservedContainer[] {
  const names = [workspace, nextContainerName(workspace), previousContainerName(workspace)];
  const isAdopted = isDeclared({ spec }, workspace) && spec?.workspaces[workspace]?.adopt === true;
  return containers.filter(({ name, labels }) => {
    const isOurs =
      labels[hostLabels.host] === hostId &&
      labels[hostLabels.kind] === 'workspace' &&
      labels[hostLabels.name] === workspace;
    return names.includes(name) && (isOurs || (isAdopted && name === workspace));
  });
}

/** One that runs before one that does not; of these the one with the name, which is the one that serves, then the newest. */
function byMeaning(workspace: string) {
  const rank = ({ status, name }: ObservedContainer) => (status === 'running' ? 2 : 0) + (name === workspace ? 1 : 0);
  return (one: ObservedContainer, other: ObservedContainer) =>
    rank(other) - rank(one) || (other.startedAt ?? '').localeCompare(one.startedAt ?? '');
}
