import { entryOf } from './entry-of.ts';
import type { Memory } from './memory.ts';
import type { Move, Step } from './step.ts';

/** What an engine takes to end a container besides its grace. */
const marginMs = 10_000;

/** Remembers that a container is about to be stopped. */
export function noteStop(memory: Memory, { container, graceMs }: Extract<Move, { do: 'stop' }>, now: number): void {
  memory.stopped[container] = { at: now, until: now + graceMs + marginMs };
}

/**
 * When a container that still runs has ended because of us, or goes on after all; undefined where it is not being stopped.
 * An engine goes on with a stop that nobody waits for any more.
 */
export function stopEndsBy(memory: Memory, containerId: string, now: number): number | undefined {
  const stop = entryOf(memory.stopped, containerId);
  return stop !== undefined && stop.at <= now && now < stop.until ? stop.until : undefined;
}

export function withoutStop(memory: Memory, containerId: string): Memory {
  const { [containerId]: _, ...stopped } = memory.stopped;
  return { ...memory, stopped };
}

/** The memory after a decision was acted on: what was to be stopped and was not, because something newer came, is as before. */
export function withoutUnsent(
  memory: Memory,
  { steps, before, sent }: { steps: readonly Step[]; before: Memory; sent: ReadonlySet<string> },
): Memory {
  let after = memory;
  for (const { moves } of steps) {
    for (const move of moves) {
      if (move.do !== 'stop' || sent.has(move.container)) continue;
      const known = entryOf(before.stopped, move.container);
      after = withoutStop(after, move.container);
      if (known !== undefined) after = { ...after, stopped: { ...after.stopped, [move.container]: known } };
    }
  }
  return after;
}
