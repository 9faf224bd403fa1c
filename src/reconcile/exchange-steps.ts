import { nextContainerName, previousContainerName } from '../contracts/fleet-names.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import { type Kept, nothingKept } from './kept.ts';
import { addStep, type Pass, tell, wakeBy } from './pass.ts';
import { noteStart, restartOf } from './restarts.ts';
import type { Move } from './step.ts';
import { attemptOf, createMove, isFresh, removeMoves, stopMove, type Workspace } from './workspace.ts';

export function create(pass: Pass, workspace: Workspace, before: readonly Move[]): void {
  const { name, after } = workspace;
  if (workspace.blockedBy !== undefined) {
    pass.isWaiting = true;
    return;
  }
  const moves = [...before, createMove(pass, workspace, name), ...startMoves(workspace, name)];
  const reason = before.length === 0 ? 'it is not there' : 'the engine cannot start it any more';
  addStep(pass, { kind: 'create-workspace', name, reason, moves, after, ...attemptOf(workspace) });
}

export function takePlace(
  pass: Pass,
  workspace: Workspace,
  { current, next }: { current: ObservedContainer; next: ObservedContainer },
): void {
  const { name, spec, slots } = workspace;
  const moves: Move[] = [
    ...removal(slots.previous),
    { do: 'rename', container: current.id, to: previousContainerName(name) },
    { do: 'rename', container: next.id, to: name },
    ...removeMoves(current, spec),
  ];
  addStep(pass, {
    kind: 'replace-workspace',
    name,
    reason: 'the new one has proven itself',
    moves,
    attempt: `go on ${name}`,
  });
}

export function putBack(
  pass: Pass,
  workspace: Workspace,
  { current, previous, reason }: { current: ObservedContainer; previous: ObservedContainer; reason: string },
): Kept {
  const { name, spec, slots, after } = workspace;
  const isFirst = spec.updateStrategy.order === 'start-first' || previous.status === 'running';
  const startPrevious = startMoves(workspace, previous.id);
  const moves: Move[] = [
    ...removal(slots.next),
    ...(isFirst ? startPrevious : [stopMove(current, spec)]),
    { do: 'rename', container: current.id, to: nextContainerName(name) },
    { do: 'rename', container: previous.id, to: name },
    ...(isFirst ? [] : startPrevious),
    ...removeMoves(current, spec),
  ];
  addStep(pass, {
    kind: 'replace-workspace',
    name,
    reason,
    moves,
    after,
    attempt: `put back ${name}`,
    fingerprint: previous.id,
  });
  return nothingKept;
}

export function start(pass: Pass, workspace: Workspace, container: ObservedContainer, reason: string): void {
  const { name, spec, after, heldBy } = workspace;
  pass.isWaiting = true;
  if (heldBy !== undefined) return;
  const restart = restartOf(container, spec, { name, memory: pass.memory, now: pass.now });
  if (restart.is === 'later') {
    wakeBy(pass, restart.at);
    return;
  }
  const moves: Move[] = [{ do: 'start', container: container.id }];
  const step = addStep(pass, { kind: 'start-workspace', name, reason, moves, after, fingerprint: container.id });
  if (step !== undefined) noteStart(pass.memory, { name, container, restart, now: pass.now });
}

export function drop(pass: Pass, { name }: Workspace, container: ObservedContainer, reason: string): void {
  const moves = removeMoves(container);
  addStep(pass, {
    kind: 'remove-workspace',
    name,
    reason,
    moves,
    attempt: `drop ${container.name}`,
    fingerprint: container.id,
  });
}

export function stopPrevious(pass: Pass, { name, spec }: Workspace, previous: ObservedContainer): void {
  const moves = [stopMove(previous, spec)];
  const reason = 'two of it must not run at once';
  addStep(pass, { kind: 'stop-workspace', name, reason, moves, fingerprint: previous.id });
}

export function isBlocked(pass: Pass, { name, slots, blockedBy }: Workspace): boolean {
  if (blockedBy === undefined && slots.taken.length === 0) return false;
  pass.isWaiting = true;
  if (slots.taken.length > 0) {
    const [taken = name] = slots.taken;
    tell(
      pass,
      name,
      `Cannot make "${name}" again: a container called "${taken}" is not ours`,
      `Remove it: docker rm ${taken}`,
    );
  }
  return true;
}

export function whyStale(workspace: Workspace, current: ObservedContainer): string {
  if (current.status === 'dead') return 'the engine cannot start it any more';
  return isFresh({ ...workspace, image: { ...workspace.image, isFollowed: false } }, current)
    ? 'its image changed'
    : 'its spec changed';
}

export function startMoves({ isWanted }: Workspace, container: string): Move[] {
  return isWanted ? [{ do: 'start', container }] : [];
}

export function removal(container: ObservedContainer | undefined): Move[] {
  return container === undefined ? [] : removeMoves(container);
}
