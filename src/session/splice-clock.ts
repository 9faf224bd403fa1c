import { formatDuration } from '../base/duration.ts';
import type { Close } from '../contracts/session-wire.ts';

export interface SpliceTimes {
  /** Until the agent accepts. Default: 15000. */
  readonly acceptMs?: number;
  /** Without data in either direction. Default: for ever. */
  readonly idleMs?: number;
  /** Since its viewer opened it. Default: for ever. */
  readonly mostMs?: number;
  /** Of that, what went before: its viewer comes back. Default: 0. */
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
/** Of a timer of Node. */
const longestMs = 2 ** 31 - 1;

/** What happened so far; each in ms of one clock. */
export interface SpliceLife {
  readonly openedAt: number;
  readonly isAccepted: boolean;
  readonly lastDataAt: number;
  /** Until when what was told holds. */
  readonly toldUntil: number | undefined;
}

export type Due =
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'notice'; readonly text: string; readonly endsAt: number }
  | { readonly kind: 'end'; readonly close: Close };

/** What is to be done now about the time that a viewer of a session has. */
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
