import { formatDuration } from '../base/duration.ts';
import type { Close } from '../contracts/session-wire.ts';

export interface SpliceTimes {
  /** How long the agent may take to accept, in ms. Default: 15000. */
  readonly acceptMs?: number;
  /** How long it may be without data in either direction, in ms. Default: for ever. */
  readonly idleMs?: number;
  /** How long it may last from its first OPEN on, in ms. Default: for ever. */
  readonly mostMs?: number;
  /** How much of that is over already, where a viewer comes back, in ms. Default: 0. */
  readonly beforeMs?: number;
}

const defaults = {
  acceptMs: 15_000,
  idleMs: Number.POSITIVE_INFINITY,
  mostMs: Number.POSITIVE_INFINITY,
  beforeMs: 0,
} satisfies SpliceTimes;

/** How long before its end a viewer is told, where the time is long enough. */
const noticeMs = 60_000;
/** The longest delay of a timer of Node. */
const longestMs = 2 ** 31 - 1;

/** What happened so far; each in ms of one clock. */
export interface SpliceLife {
  readonly openedAt: number;
  readonly isAccepted: boolean;
  readonly lastDataAt: number;
  /** The end that the last notice announced. */
  readonly toldUntil: number | undefined;
}

export type Due =
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'notice'; readonly text: string; readonly endsAt: number }
  | { readonly kind: 'end'; readonly close: Close };

/** What to do now: wait, announce the end, or end. */
export function due(times: Required<SpliceTimes>, life: SpliceLife, now: number): Due {
  const { acceptMs, idleMs, mostMs, beforeMs } = times;
  if (!life.isAccepted) {
    const leftMs = life.openedAt + acceptMs - now;
    return leftMs > 0 ? { kind: 'wait', ms: leftMs } : { kind: 'end', close: unanswered(acceptMs) };
  }
  const [idleAt, mostAt] = [life.lastDataAt + idleMs, life.openedAt + mostMs - beforeMs];
  const endsAt = Math.min(idleAt, mostAt);
  if (now >= endsAt) return { kind: 'end', close: idleAt <= mostAt ? idle(idleMs) : tooLong(mostMs) };
  const isLong = (idleAt <= mostAt ? idleMs : mostMs) > 2 * noticeMs;
  if (!isLong || life.toldUntil === endsAt) return { kind: 'wait', ms: endsAt - now };
  if (now < endsAt - noticeMs) return { kind: 'wait', ms: endsAt - noticeMs - now };
  const unless = idleAt <= mostAt ? ' unless something is typed or printed' : '';
  return { kind: 'notice', text: `this session ends in ${formatDuration(endsAt - now)}${unless}`, endsAt };
}

export interface SpliceClockEvents {
  readonly onNotice: (text: string) => void;
  readonly onEnd: (close: Close) => void;
}

/** Ends a stream whose time is over, and says so before. */
export class SpliceClock {
  readonly #times: Required<SpliceTimes>;
  readonly #events: SpliceClockEvents;
  readonly #openedAt = performance.now();
  #lastDataAt = this.#openedAt;
  #isAccepted = false;
  #toldUntil: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(times: SpliceTimes, events: SpliceClockEvents) {
    this.#times = { ...defaults, ...times };
    this.#events = events;
    this.#look();
  }

  accepted(): void {
    this.#isAccepted = true;
    this.#lastDataAt = performance.now();
    this.#look();
  }

  /** Something was typed or printed. The timer stays as it is and looks again when it rings. */
  carried(): void {
    this.#lastDataAt = performance.now();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #look(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    const step = due(
      this.#times,
      {
        openedAt: this.#openedAt,
        isAccepted: this.#isAccepted,
        lastDataAt: this.#lastDataAt,
        toldUntil: this.#toldUntil,
      },
      now,
    );
    if (step.kind === 'end') {
      this.#events.onEnd(step.close);
      return;
    }
    if (step.kind === 'notice') {
      this.#toldUntil = step.endsAt;
      this.#events.onNotice(step.text);
    }
    const ms = step.kind === 'wait' ? step.ms : step.endsAt - now;
    if (ms < Number.POSITIVE_INFINITY) {
      this.#timer = setTimeout(() => this.#look(), Math.min(ms, longestMs)).unref();
    }
  }
}

function unanswered(acceptMs: number): Close {
  return {
    code: 'unreachable',
    message: `Cannot open the session: the host did not answer within ${formatDuration(acceptMs)}`,
    next: 'See how the host is: agora host status <host>.',
  };
}

function idle(idleMs: number): Close {
  return {
    code: 'timed-out',
    message: `nothing was typed or printed for ${formatDuration(idleMs)}`,
    next: 'Open it anew; the server decides how long a session may be idle.',
  };
}

function tooLong(mostMs: number): Close {
  return {
    code: 'timed-out',
    message: `it was open for ${formatDuration(mostMs)}, the longest that the server allows`,
    next: 'Open it anew.',
  };
}
