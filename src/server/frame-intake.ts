import type { WebSocket } from 'ws';
import { frameTypes } from '../contracts/session-wire.ts';
import type { FrameLink } from '../session/frame-link.ts';

const tickMs = 100;
/** What one user or host may have us do in a tick: some tens of milliseconds. A full frame of data counts as one, JSON by its size. */
const mostWork = 5_000;
const jsonBytesOfOne = 64;
/** What is forgotten is over, but for a flood of names. */
const mostKept = 10_000;

interface Spent {
  readonly since: number;
  work: number;
}

/** The work that the frames of each user or host made in this tick, however many sockets they have. */
export class FrameBudgets {
  readonly #spent = new Map<string, Spent>();

  /** How long none of theirs is to be read now, in milliseconds; 0 where it may be. */
  spend(whose: string, frame: Uint8Array, now: number): number {
    const spent = this.#spentBy(whose, now);
    spent.work += frame[0] === frameTypes.data ? 1 : 1 + frame.length / jsonBytesOfOne;
    return spent.work > mostWork ? Math.max(1, spent.since + tickMs - now) : 0;
  }

  #spentBy(whose: string, now: number): Spent {
    const before = this.#spent.get(whose);
    if (before !== undefined && now - before.since <= tickMs) return before;
    if (this.#spent.size >= mostKept) this.#spent.clear();
    const spent = { since: now, work: 0 };
    this.#spent.set(whose, spent);
    return spent;
  }
}

export interface FrameIntake {
  readonly budgets: FrameBudgets;
  /** The user or host that the socket is of. */
  readonly whose: string;
  readonly link: Pick<FrameLink, 'receive'>;
}

/**
 * Gives the frames of a socket to its link. Where they come faster than anybody needs, the socket is not read for the rest of a tick: that
 * slows down its other side, which then joins what is small, and leaves time for everybody else.
 */
export function frameIntake(
  socket: Pick<WebSocket, 'pause' | 'resume'>,
  { budgets, whose, link }: FrameIntake,
): (frame: Uint8Array) => void {
  let pausing: NodeJS.Timeout | undefined;
  return (frame) => {
    const waitMs = budgets.spend(whose, frame, performance.now());
    if (waitMs > 0) {
      socket.pause();
      clearTimeout(pausing);
      pausing = setTimeout(() => socket.resume(), waitMs).unref();
    }
    // What was read already still comes.
    link.receive(frame);
  };
}
