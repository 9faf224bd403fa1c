import { isDeepStrictEqual } from 'node:util';
import { isAppError } from '../contracts/errors.ts';
import type { HostLink } from '../contracts/fleet.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import { type Close, type Open, openSchema, type RelayedOpen } from '../contracts/session-wire.ts';
import { closeOf } from '../session/close-of.ts';
import { FrameLink } from '../session/frame-link.ts';
import { AddressLimit } from './address-limit.ts';
import type { WayToHost } from './agent-sockets.ts';
import type { UserCaller } from './handler.ts';
import type { StoredHost } from './host-store.ts';
import type { LiveSessions, Viewing } from './live-sessions.ts';
import type { LocalSessions } from './local-sessions.ts';
import { parseFields } from './parse-fields.ts';
import { callerProblem, hostProblem, notValid, viewingProblem } from './relay-admission.ts';
import { limitProblem, rateProblem, type SessionLimits } from './session-limits.ts';

export interface RelayJudgePorts {
  /** By name. Raises `not-found`. */
  readonly hostNamed: (name: string) => StoredHost;
  readonly linkOf: (host: StoredHost) => HostLink['link'];
  readonly wayTo: (hostId: HostId) => WayToHost;
  /** The logs that the server has itself. */
  readonly local: Pick<LocalSessions, 'has' | 'specFor' | 'link' | 'close'>;
  /** The same caller as their token lets them be now; undefined where it is valid no more. */
  readonly callerNow: (tokenId: string) => UserCaller | undefined;
  /** Told of what should not have failed; it ended one stream. Default: nobody is. */
  readonly onDefect?: ((error: unknown) => void) | undefined;
}

interface Asking {
  readonly tokenId: string;
  /** A page asks, through the web proxy. */
  readonly isPage: boolean;
}

/** Where a session is to be had. */
export interface Way {
  readonly to: FrameLink;
  /** What is asked for there, in whose name. */
  readonly request: RelayedOpen;
}

export interface Admitted extends Way {
  readonly caller: UserCaller;
  readonly open: Open;
  readonly hostId: HostId | undefined;
  /** The same viewer's on the link before. */
  readonly before: Viewing | undefined;
}

export type Judged = Admitted | { readonly open: Open | undefined; readonly close: Close };

/** Which host or log of the server an OPEN is for. */
interface Place {
  readonly host: StoredHost | undefined;
  readonly spec: Open['session'];
}

/** Decides on each OPEN: by what the caller may do now, how much they have open, and what the host can do. */
export class RelayJudge {
  readonly #ports: RelayJudgePorts;
  readonly #limits: SessionLimits;
  readonly #live: LiveSessions;
  readonly #opens: AddressLimit;
  readonly #opensOfPages: AddressLimit;
  /** A host that is away has all of its sessions ask again and again. */
  readonly #returns: AddressLimit;

  constructor(ports: RelayJudgePorts, limits: SessionLimits, live: LiveSessions) {
    this.#ports = ports;
    this.#limits = limits;
    this.#live = live;
    const { opensPerMinute: burst } = limits;
    this.#opens = new AddressLimit({ burst, perSecond: burst / 60 });
    this.#opensOfPages = new AddressLimit({ burst, perSecond: burst / 60 });
    this.#returns = new AddressLimit({ burst, perSecond: burst / 60 });
  }

  judge(request: unknown, { tokenId, isPage }: Asking): Judged {
    let open: Open | undefined;
    try {
      const caller = this.#ports.callerNow(tokenId);
      if (caller === undefined) return { open, close: notValid };
      // The schema makes it one.
      open = parseFields(openSchema, request, 'what is to be opened') as Open;
      const close = this.#rateProblem(open, caller, isPage);
      return close === undefined ? this.#admit(open, caller, isPage) : { open, close };
    } catch (error) {
      if (!isAppError(error)) this.#ports.onDefect?.(error);
      return { open, close: closeOf(error) };
    }
  }

  /** The way to a seat that was taken before. Raises `not-found` where its host is gone. */
  wayTo({ open, caller }: Viewing, resume: NonNullable<Open['resume']>): Way | Close {
    const back = { ...open, resume };
    return this.#way(back, caller, { ...this.#placeOf(back), isBack: true });
  }

  #admit(open: Open, caller: UserCaller, isPage: boolean): Judged {
    const place = this.#placeOf(open);
    const hostId = place.host?.hostId;
    const before = this.#live.before({ open, caller, hostId });
    const isBack = before !== undefined || open.resume !== undefined;
    const way =
      (before && returnProblem(open, before, caller)) ??
      this.#limitProblem(open, caller, { isBack, isPage }) ??
      callerProblem(open.session.kind, caller) ??
      this.#way(open, caller, { ...place, isBack });
    return 'to' in way ? { ...way, caller, open, hostId, before } : { open, close: way };
  }

  #rateProblem({ resume, seat }: Open, { user }: UserCaller, isPage: boolean): Close | undefined {
    const isBack = resume !== undefined || this.#live.hasSeat(user, seat);
    const opens = isPage ? this.#opensOfPages : this.#opens;
    const retrySeconds = (isBack ? this.#returns : opens).take(user.name, performance.now());
    return rateProblem({ user: user.name, retrySeconds, isBack }, this.#limits);
  }

  #limitProblem(
    open: Open,
    { user: { name: user } }: UserCaller,
    how: { readonly isBack: boolean; readonly isPage: boolean },
  ): Close | undefined {
    const leaving = this.#live.leaving.count({ user, isPage: how.isPage });
    const there = { ...this.#live.count(user, open), leaving };
    return limitProblem({ user, host: open.host, ...how }, this.#limits, there);
  }

  #placeOf({ session, host }: Open): Place {
    const { local, hostNamed } = this.#ports;
    const ofServer = local.specFor(session, () => hostNamed(host ?? '').hostId);
    if (ofServer !== undefined) return { host: undefined, spec: ofServer };
    return { host: host === undefined ? undefined : hostNamed(host), spec: session };
  }

  #way(open: Open, caller: UserCaller, { host, spec, isBack }: Place & { readonly isBack: boolean }): Way | Close {
    const { local, wayTo, linkOf } = this.#ports;
    const request = relayedOpen({ ...open, session: spec }, caller);
    if (host === undefined) {
      const { kind } = spec;
      if (local.has(spec)) return { to: local.link, request };
      return { code: 'not-found', message: `Cannot open ${kind}: it names no host` };
    }
    const way = wayTo(host.hostId);
    const problem = hostProblem({ spec, isBack, host, link: linkOf(host), way });
    if (problem !== undefined) return problem;
    if (way instanceof FrameLink) return { to: way, request };
    return { code: 'host-away', message: 'the host has no link to the server' };
  }
}

/** Why a viewer may not come back to what it had; undefined where it may. */
function returnProblem({ session }: Open, before: Viewing, caller: UserCaller): Close | undefined {
  if (isDeepStrictEqual(session, before.open.session)) return viewingProblem(before, caller);
  return { code: 'protocol', message: 'this seat was opened with another session' };
}

function relayedOpen({ host: _, ...opening }: Open, { user }: UserCaller): RelayedOpen {
  return { ...opening, actor: user.name, role: user.role };
}
