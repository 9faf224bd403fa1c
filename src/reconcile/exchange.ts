import { nextContainerName, previousContainerName } from '../contracts/fleet-names.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import { entryOf } from './entry-of.ts';
import {
  create,
  drop,
  isBlocked,
  putBack,
  removal,
  start,
  startMoves,
  stopPrevious,
  takePlace,
  whyStale,
} from './exchange-steps.ts';
import { isUp, type Verdict, verdictOn } from './gate.ts';
import { type Kept, nothingKept } from './kept.ts';
import { addStep, type Pass, tell, wakeBy } from './pass.ts';
import { isPortDeclaredElsewhere } from './port-holders.ts';
import { forgetPointlessRefusal, isRefused, refuse } from './refusals.ts';
import { startOf } from './restarts.ts';
import type { Move } from './step.ts';
import { attemptOf, createMove, isFresh, removeMoves, startFailureOf, stopMove, type Workspace } from './workspace.ts';

const startsTried = 3;

/**
 * Brings the declared container to its name. Each state that a crash can leave behind is one of these, so that going on
 * and beginning are the same.
 */
export function settle(pass: Pass, workspace: Workspace): Kept {
  const { current, next, previous } = workspace.slots;
  if ([current, next, previous].some((container) => container?.status === 'removing')) {
    wakeBy(pass, pass.now + 1_000);
    return nothingKept;
  }
  if (next === undefined && previous === undefined) delete pass.memory.exchanges[workspace.name];
  forgetPointlessRefusal(pass, workspace);
  if (current === undefined) return withoutCurrent(pass, workspace);
  const isUsable = current.status !== 'dead' && wants(pass, workspace, current);
  return isUsable ? withWanted(pass, workspace, current) : withStale(pass, workspace, current);
}

/** Whether a container may have the name: the declared one, or any other than one that was refused. */
function wants(pass: Pass, workspace: Workspace, container: ObservedContainer): boolean {
  return isFresh(workspace, container) !== isRefused(pass, workspace);
}

function withoutCurrent(pass: Pass, workspace: Workspace): Kept {
  const { name, slots } = workspace;
  const { next, previous } = slots;
  if (slots.taken.includes(name)) return nothingKept;
  const interrupted = {
    kind: 'replace-workspace',
    name,
    reason: 'its exchange was interrupted',
    attempt: `go on ${name}`,
  } as const;
  const isNextWanted =
    next !== undefined && next.status !== 'dead' && (previous === undefined || wants(pass, workspace, next));
  if (isNextWanted) addStep(pass, { ...interrupted, moves: [{ do: 'rename', container: next.id, to: name }] });
  else if (previous !== undefined) {
    addStep(pass, { ...interrupted, moves: [{ do: 'rename', container: previous.id, to: name }, ...removal(next)] });
  } else create(pass, workspace, removal(next));
  return nothingKept;
}

/** The declared container has the name: the previous one goes once it has proven itself. */
function withWanted(pass: Pass, workspace: Workspace, current: ObservedContainer): Kept {
  const { name, slots, isWanted, spec } = workspace;
  const kept: Kept = { container: current, isProving: false };
  if (slots.next !== undefined) drop(pass, workspace, slots.next, 'what was made for its exchange is not needed');
  const { previous } = slots;
  if (previous === undefined) return kept;
  if (!isWanted || isRefused(pass, workspace)) {
    drop(pass, workspace, previous, 'it is not needed any more');
    return kept;
  }
  if (isUp(previous) && spec.updateStrategy.order === 'stop-first') {
    // Engines start what has the policy `always` though it was stopped.
    stopPrevious(pass, workspace, previous);
    return { container: current, isProving: true };
  }
  const verdict = judge(pass, workspace, current);
  switch (verdict.is) {
    case 'startable':
      start(pass, workspace, current, 'it takes the place of the one before');
      return { container: current, isProving: true };
    case 'waiting':
      wakeBy(pass, verdict.until);
      return { container: current, isProving: true };
    case 'good':
      drop(pass, workspace, previous, 'the new one has proven itself');
      return kept;
    case 'bad':
      if (!spec.updateStrategy.rollback || !canComeBack(pass, workspace, previous)) {
        tell(pass, name, `Cannot prove the new container: ${verdict.reason}`, `Look at its log: docker logs ${name}`);
        drop(pass, workspace, previous, 'it is not to be put back');
        return kept;
      }
      refuse(pass, workspace, current, verdict);
      return putBack(pass, workspace, {
        current,
        previous,
        reason: `the new one did not prove itself: ${verdict.reason}`,
      });
  }
}

function canComeBack(pass: Pass, { name }: Workspace, previous: ObservedContainer): boolean {
  return previous.status !== 'dead' && !isPortDeclaredElsewhere(pass, name, previous);
}

/** Another container than the declared one has the name. */
function withStale(pass: Pass, workspace: Workspace, current: ObservedContainer): Kept {
  const { next, previous } = workspace.slots;
  if (previous !== undefined && previous.status !== 'dead' && wants(pass, workspace, previous)) {
    const reason = isRefused(pass, workspace) ? 'the new one did not prove itself' : 'the one before is declared again';
    return putBack(pass, workspace, { current, previous, reason });
  }
  if (next !== undefined && (next.status === 'dead' || !wants(pass, workspace, next))) {
    drop(pass, workspace, next, 'what was made for its exchange is not declared any more');
    return { container: current, isProving: false };
  }
  if (isOverlapping(workspace, current)) return startFirst(pass, workspace, current);
  return stopFirst(pass, workspace, current);
}

function isOverlapping({ spec, isWanted }: Workspace, current: ObservedContainer): boolean {
  return spec.updateStrategy.order === 'start-first' && isWanted && current.status === 'running';
}

function stopFirst(pass: Pass, workspace: Workspace, current: ObservedContainer): Kept {
  const { name, after, spec, slots } = workspace;
  const kept: Kept = { container: current, isProving: false };
  if (isBlocked(pass, workspace)) return kept;
  const nextName = nextContainerName(name);
  const moves: Move[] = slots.next === undefined ? [createMove(pass, workspace, nextName)] : [];
  // What runs is worth more to go back to than what an earlier exchange left.
  if (current.status === 'dead' || (slots.previous !== undefined && !isUp(current))) {
    moves.push(...removeMoves(current, spec));
  } else {
    moves.push(stopMove(current, spec), ...removal(slots.previous));
    moves.push({ do: 'rename', container: current.id, to: previousContainerName(name) });
  }
  moves.push({ do: 'rename', container: slots.next?.id ?? nextName, to: name }, ...startMoves(workspace, name));
  const step = addStep(pass, {
    kind: 'replace-workspace',
    name,
    reason: whyStale(workspace, current),
    moves,
    after,
    ...attemptOf(workspace),
  });
  return step === undefined ? kept : nothingKept;
}

function startFirst(pass: Pass, workspace: Workspace, current: ObservedContainer): Kept {
  const { name, after, slots, spec } = workspace;
  const { next } = slots;
  const kept: Kept = { container: current, isProving: false };
  if (next === undefined) {
    if (isBlocked(pass, workspace)) return kept;
    const nextName = nextContainerName(name);
    const moves = [createMove(pass, workspace, nextName), ...startMoves(workspace, nextName)];
    addStep(pass, {
      kind: 'replace-workspace',
      name,
      reason: whyStale(workspace, current),
      moves,
      after,
      ...attemptOf(workspace),
    });
    pass.isWaiting = true;
    return kept;
  }
  const verdict = judge(pass, workspace, next);
  if (verdict.is === 'startable') start(pass, workspace, next, whyStale(workspace, current));
  else if (verdict.is === 'waiting') wakeBy(pass, verdict.until);
  else if (verdict.is === 'bad' && spec.updateStrategy.rollback) {
    refuse(pass, workspace, next, verdict);
    drop(pass, workspace, next, `it did not prove itself: ${verdict.reason}`);
  } else {
    takePlace(pass, workspace, { current, next });
    return nothingKept;
  }
  return kept;
}

function judge(pass: Pass, workspace: Workspace, container: ObservedContainer): Verdict {
  const { name, spec } = workspace;
  const failure = startFailureOf(pass, name, container);
  const isTried = failure !== undefined && failure.attempts >= startsTried;
  noteSince(pass, name, container);
  return verdictOn({
    container,
    spec,
    since: entryOf(pass.memory.exchanges, name)?.since,
    now: pass.now,
    startFailure: isTried ? failure : undefined,
  });
}

/** From when on a container proves itself. */
function noteSince(pass: Pass, name: string, container: ObservedContainer): void {
  if (container.status === 'created') return;
  const started = startOf(container);
  const since = Math.min(pass.now, Number.isNaN(started) ? pass.now : started);
  const known = entryOf(pass.memory.exchanges, name);
  const isKnown = known?.containerId === container.id && known.since <= pass.now;
  const isStartedAgain =
    entryOf(pass.memory.restarts, name)?.containerId === container.id || container.restartCount > 0;
  // One that did not end by itself, and yet started later, began anew with its engine.
  if (isKnown && (isStartedAgain || container.status !== 'running' || since <= known.since)) return;
  pass.memory.exchanges[name] = { containerId: container.id, since };
}
