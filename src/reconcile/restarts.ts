import type { ObservedContainer } from '../contracts/host-observation.ts';
import type { WorkspaceSpec } from '../contracts/host-spec.ts';
import { isDue, waitMs } from './backoff.ts';
import { entryOf } from './entry-of.ts';
import { endOf } from './gate.ts';
import type { Memory } from './memory.ts';

/** Up for as long as this, it is no longer in a loop. */
const steadyMs = 10_000;
const startsAtOnce = 3;
const loopFrom = 5;

export type Restart =
  | { readonly is: 'ended' }
  | { readonly is: 'now'; readonly count: number }
  | { readonly is: 'later'; readonly at: number; readonly reason: string; readonly isLoop: boolean };

/** When a container that does not run, and shall, is started again. */
export function restartOf(
  container: ObservedContainer,
  spec: WorkspaceSpec,
  of: { name: string; memory: Memory; now: number },
): Restart {
  const wasStopped = container.status === 'created' || Object.hasOwn(of.memory.stopped, container.id);
  if (wasStopped) return { is: 'now', count: 0 };
  if (spec.restart === 'no' || (spec.restart === 'on-failure' && container.exitCode === 0)) return { is: 'ended' };
  const before = entryOf(of.memory.restarts, of.name);
  const count = before?.containerId === container.id && !wasSteady(container) ? before.count : 0;
  if (count === 0 || before === undefined) return { is: 'now', count: 1 };
  const at = before.lastAt + (count < startsAtOnce ? 0 : waitMs(count - startsAtOnce + 1));
  if (isDue(at, of.now)) return { is: 'now', count: count + 1 };
  const times = count === 1 ? 'once' : `${count} times`;
  const reason = `${endOf(container)}, and was started again ${times}; the next start is at ${new Date(at).toISOString()}`;
  return { is: 'later', at, reason, isLoop: count >= loopFrom };
}

/** Remembers that a container is started again now. */
export function noteStart(
  memory: Memory,
  { name, container, restart, now }: { name: string; container: ObservedContainer; restart: Restart; now: number },
): void {
  if (restart.is !== 'now' || restart.count === 0) return;
  memory.restarts[name] = { containerId: container.id, count: restart.count, lastAt: now };
}

/** Why the engine's own restarts are a loop; undefined when they are not. */
export function engineLoop(container: ObservedContainer, now: number): string | undefined {
  if (container.restartCount < loopFrom || steadyFrom(container, now) === undefined) return undefined;
  return `the engine started it again ${container.restartCount} times: ${endOf(container)}`;
}

/** From when on a container counts as one that stays up, should it; undefined once it does. */
export function steadyFrom(container: ObservedContainer, now: number): number | undefined {
  const steadyAt = startOf(container) + steadyMs;
  if (container.status !== 'running' || Number.isNaN(steadyAt)) return Number.POSITIVE_INFINITY;
  // One that started in what is now the future did so before the clock was put back.
  return steadyAt <= now || steadyAt - now > 2 * steadyMs ? undefined : steadyAt;
}

function wasSteady(container: ObservedContainer): boolean {
  const endedAt = container.finishedAt === undefined ? Number.NaN : Date.parse(container.finishedAt);
  return endedAt - startOf(container) >= steadyMs;
}

export function startOf({ startedAt }: ObservedContainer): number {
  return startedAt === undefined ? Number.NaN : Date.parse(startedAt);
}
