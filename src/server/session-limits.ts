import type { Close, SessionSpec } from '../contracts/session-wire.ts';
import type { SpliceTimes } from '../session/splice-clock.ts';

export interface SessionLimits {
  /** Of one user at once, those included that wait for their viewer; of those that are over and were not read as many. Default: 64. */
  readonly perUser: number;
  /** On one host at once. Default: 1000, which is what its agent takes. */
  readonly perHost: number;
  /** Of one user, those included that are refused; those of pages, and those that come back, are counted apart. Default: 600. */
  readonly opensPerMinute: number;
  /** How long nothing may be typed or printed; a log that is followed may be silent. In milliseconds. Default: 4 h. */
  readonly idleMs: number;
  /** How long one may last, however often its link is lost. In milliseconds. Default: 24 h. */
  readonly mostMs: number;
  /** Between two looks whether those who have them still may, in milliseconds. Default: 2000. */
  readonly checkMs: number;
}

const hourMs = 3_600_000;

export const sessionDefaults: SessionLimits = {
  perUser: 64,
  perHost: 1_000,
  opensPerMinute: 600,
  idleMs: 4 * hourMs,
  mostMs: 24 * hourMs,
  checkMs: 2_000,
};

interface Asked {
  readonly user: string;
  /** Until the user may ask again; 0 where they may now. */
  readonly retrySeconds: number;
  /** It is there already, and its viewer comes back. */
  readonly isBack: boolean;
}

/** Why a user asks too often; undefined where they do not. */
export function rateProblem(
  { user, retrySeconds, isBack }: Asked,
  { opensPerMinute }: Pick<SessionLimits, 'opensPerMinute'>,
): Close | undefined {
  if (retrySeconds === 0) return undefined;
  // Its session waits on: who comes back too often is to wait, not to give up.
  if (isBack) return { code: 'host-away', message: `"${user}" comes back more than ${opensPerMinute} times a minute` };
  return tooMany(`"${user}" opens more than ${opensPerMinute} a minute`, `Try again in ${retrySeconds} s.`);
}

interface Wanted {
  readonly user: string;
  readonly host: string | undefined;
  /** It is there already, and its viewer comes back. */
  readonly isBack: boolean;
  /** A page asks, through the web proxy. */
  readonly isPage: boolean;
}

interface There {
  readonly ofUser: number;
  /** Of the user's pages, and of those of the same port. */
  readonly ofPages: number;
  readonly ofPort: number;
  readonly ofHost: number;
  /** Streams of the user that are over, and whose data was not taken yet. */
  readonly leaving: number;
}

/** Of what a user may have: whoever knows the address of a page opens sessions in their name, and may not take all of them. */
const shareOfPages = 3 / 4;
const shareOfPort = 1 / 2;

/** Why one more is too many; undefined where it is not. */
export function limitProblem(
  { user, host, isBack, isPage }: Wanted,
  { perUser, perHost }: Pick<SessionLimits, 'perUser' | 'perHost'>,
  { ofUser, ofHost, ofPages, ofPort, leaving }: There,
): Close | undefined {
  if (leaving >= perUser) {
    const state = `"${user}" has not read the rest of ${leaving} that are over`;
    return isBack ? { code: 'host-away', message: state } : tooMany(state, 'Read them, or close their links.');
  }
  // Who comes back was counted before.
  if (isBack) return undefined;
  const end = 'End one of them: agora host sessions.';
  if (ofUser >= perUser) return tooMany(`"${user}" has ${ofUser} open, which is the most`, end);
  if (isPage && ofPort >= perUser * shareOfPort) {
    return tooMany(`pages of "${user}" have ${ofPort} open to this port, which is the most`, end);
  }
  if (isPage && ofPages >= perUser * shareOfPages) {
    return tooMany(`pages of "${user}" have ${ofPages} open, which is the most`, end);
  }
  if (ofHost >= perHost) {
    const where = host === undefined ? 'the server itself' : `host "${host}"`;
    return tooMany(`${where} has ${ofHost} open, which is the most`, end);
  }
  return undefined;
}

function tooMany(state: string, next: string): Close {
  return { code: 'limit-exceeded', message: `Cannot open one more session: ${state}`, next };
}

/** How long a session may be idle and last, of which `beforeMs` are over. */
export function timesOf({ kind }: SessionSpec, { idleMs, mostMs }: SessionLimits, beforeMs: number): SpliceTimes {
  return kind === 'logs' ? { mostMs, beforeMs } : { idleMs, mostMs, beforeMs };
}
