import type { HostLink } from '../contracts/fleet.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import type { LiveSession } from '../contracts/routes-sessions.ts';
import { type Close, type Open, openSchema, type RelayedOpen, sessionLimits } from '../contracts/session-wire.ts';
import { closeOf } from '../session/close-of.ts';
import { FrameLink, type FramePort } from '../session/frame-link.ts';
import { joinedLinks } from '../session/joined-links.ts';
import type { LinkStream, StreamHandler } from '../session/link-stream.ts';
import { Splice, type SpliceEnd } from '../session/splice.ts';
import { AddressLimit } from './address-limit.ts';
import type { WayToHost } from './agent-sockets.ts';
import { giveUpSeat, unanswered } from './give-up-seat.ts';
import type { UserCaller } from './handler.ts';
import type { StoredHost } from './host-store.ts';
import { LiveSessions, noBytes, type Viewing } from './live-sessions.ts';
import type { LocalSessions } from './local-sessions.ts';
import { parseFields } from './parse-fields.ts';
import { callerProblem, hostProblem, notValid } from './relay-admission.ts';
import type { SessionActivity } from './session-activity.ts';
import { limitProblem, type SessionLimits, sessionDefaults, timesOf } from './session-limits.ts';

export interface RelayOptions {
  /** By name. Raises `not-found`. */
  readonly hostNamed: (name: string) => StoredHost;
  readonly linkOf: (host: StoredHost) => HostLink['link'];
  readonly wayTo: (hostId: HostId) => WayToHost;
  /** The logs that the server has itself. */
  readonly local: LocalSessions;
  /** The same caller as their token lets them be now; undefined where it is valid no more. */
  readonly callerNow: (tokenId: string) => UserCaller | undefined;
  readonly activity: SessionActivity;
  /** Told of what should not have failed; it ended one stream. Default: nobody is. */
  readonly onDefect?: ((error: unknown) => void) | undefined;
  readonly now: () => Date;
  readonly limits?: Partial<SessionLimits> | undefined;
}

/** Where a caller asks from. */
export interface From {
  readonly address: string;
}

interface Asking extends From {
  readonly caller: UserCaller;
}

const stopping: Close = { code: 'server-stopping', message: 'the server stops' };
const giveUpMs = 15_000;

/** Joins what callers open with the hosts that it is for, as far as each may. */
export class Relay {
  readonly #options: RelayOptions;
  readonly #limits: SessionLimits;
  readonly #opens: AddressLimit;
  readonly #live = new LiveSessions();
  #isClosed = false;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#limits = { ...sessionDefaults, ...options.limits };
    const { opensPerMinute: burst } = this.#limits;
    this.#opens = new AddressLimit({ burst, perSecond: burst / 60 });
  }

  /** The server's end of a caller's link. */
  serve(caller: UserCaller, from: From, port: FramePort): FrameLink {
    return new FrameLink({ port, ...this.#end(caller, from) });
  }

  /** The caller's end of a link within this process. */
  link(caller: UserCaller, from: From): FrameLink {
    return joinedLinks({ mostStreams: sessionLimits.callerStreams }, this.#end(caller, from)).near;
  }

  list(): LiveSession[] {
    return this.#live.list();
  }

  /** Ends one for all of its viewers. Raises `not-ready` where its host cannot be told. */
  async end(sessionId: string, by: UserCaller, signal: AbortSignal): Promise<void> {
    const close: Close = { code: 'refused', message: `${by.user.name} ended it` };
    const viewings = this.#live.viewingsOf(sessionId);
    // Those who are here last: the host keeps it for those who wait.
    const waiting = viewings.filter(({ splice }) => splice === undefined);
    await Promise.all(
      waiting.map(async (viewing) => {
        await this.#giveUp(viewing, close, signal);
        this.#live.forget(viewing);
      }),
    );
    for (const { splice } of viewings) splice?.close(close);
  }

  /** Ends the sessions of those who may not have them any more. */
  checkCallers(): void {
    const { viewings } = this.#live;
    const callers = new Map<string, UserCaller | undefined>();
    for (const { caller } of viewings) {
      if (!callers.has(caller.tokenId)) callers.set(caller.tokenId, this.#options.callerNow(caller.tokenId));
    }
    for (const viewing of viewings) {
      const problem = callerProblem(viewing.open.session.kind, callers.get(viewing.caller.tokenId));
      if (problem !== undefined) this.#takeAway(viewing, problem);
    }
  }

  /** Callers come back to the server that follows. */
  close(): void {
    this.#isClosed = true;
    for (const { splice } of this.#live.viewings) splice?.close(stopping);
    this.#options.local.close(stopping);
    this.#live.close();
    this.#options.activity.close();
  }

  /** Ends what a caller may not have any more, also where it waits for them: at the latest when nobody came back to it. */
  #takeAway(viewing: Viewing, close: Close): void {
    if (viewing.splice !== undefined) {
      viewing.splice.close(close);
      return;
    }
    const { caller, address, open, accept } = viewing;
    if (accept === undefined) return;
    this.#live.forget(viewing);
    const asked = { user: caller.user.name, address, open };
    this.#options.activity.closed({ ...asked, ...noBytes, sessionId: accept.sessionId, close, seconds: 0 });
    void this.#giveUp(viewing, close, AbortSignal.timeout(giveUpMs)).catch(() => undefined);
  }

  /** As who opened it, whatever they may do now. */
  async #giveUp({ open, accept, caller }: Viewing, close: Close, signal: AbortSignal): Promise<void> {
    if (accept === undefined) return;
    const resume = { seat: accept.seat, received: 0, credit: 0 };
    const way = this.#wayFor({ ...open, resume });
    if (!('to' in way)) throw unanswered();
    await giveUpSeat(way.to, relayedOpen({ ...open, session: way.spec, resume }, caller), close, signal);
  }

  #end(caller: UserCaller, { address }: From) {
    return {
      mostStreams: sessionLimits.callerStreams,
      onOpen: (stream: LinkStream, request: unknown) => this.#opened(stream, request, { caller, address }),
      onDefect: (error: unknown) => this.#options.onDefect?.(error),
    };
  }

  #opened(stream: LinkStream, request: unknown, asking: Asking): StreamHandler | undefined {
    const judged = this.#judge(request, asking);
    if ('to' in judged) return this.#relay(stream, judged);
    stream.close(judged.close);
    const { open, close } = judged;
    if (close !== stopping) {
      this.#options.activity.refused({ user: asking.caller.user.name, address: asking.address, open }, close);
    }
    return undefined;
  }

  /** Where a session is to be had, or why it is not. */
  #judge(request: unknown, { caller: { tokenId }, address }: Asking): Judged {
    const caller = this.#options.callerNow(tokenId);
    if (this.#isClosed || caller === undefined) {
      return { open: undefined, close: this.#isClosed ? stopping : notValid };
    }
    let open: Open | undefined;
    try {
      // By its schema.
      open = parseFields(openSchema, request, 'what is to be opened') as Open;
      const way = this.#limitProblem(caller, open) ?? callerProblem(open.session.kind, caller) ?? this.#wayFor(open);
      return 'to' in way ? { caller, address, open, ...way } : { open, close: way };
    } catch (error) {
      return { open, close: closeOf(error) };
    }
  }

  #limitProblem({ user: { name: user } }: UserCaller, { host, resume }: Open): Close | undefined {
    const retrySeconds = this.#opens.take(user, performance.now());
    const asked = { user, host, retrySeconds, isBack: resume !== undefined };
    return limitProblem(asked, this.#limits, {
      ofUser: this.#live.count({ user }),
      ofHost: this.#live.count({ host }),
    });
  }

  #wayFor({ session, host: name, resume }: Open): Way | Close {
    const { local, hostNamed } = this.#options;
    const ofServer = local.specFor(session, () => hostNamed(name ?? '').hostId);
    if (ofServer !== undefined) return { to: local.link, spec: ofServer };
    if (name === undefined) return { code: 'not-found', message: `Cannot open ${session.kind}: it names no host` };
    const host = hostNamed(name);
    const way = this.#options.wayTo(host.hostId);
    const link = this.#options.linkOf(host);
    const problem = hostProblem({ spec: session, isBack: resume !== undefined, host, link, way });
    if (problem !== undefined) return problem;
    if (way instanceof FrameLink) return { to: way, spec: session };
    return { code: 'host-away', message: 'the host has no link to the server' };
  }

  #relay(stream: LinkStream, { caller, address, open, to, spec }: Admitted): StreamHandler {
    const { activity, now } = this.#options;
    const before = this.#live.before(open, caller);
    const viewing: Viewing = {
      caller,
      address,
      open,
      splice: undefined,
      accept: undefined,
      openedAt: before?.openedAt ?? now(),
      carried: before?.carried ?? noBytes,
    };
    this.#live.add(viewing);
    const startedAt = performance.now();
    const splice = new Splice({
      caller: stream,
      windowBytes: open.window,
      resume: open.resume,
      times: timesOf(open.session, this.#limits, now().getTime() - viewing.openedAt.getTime()),
      openAgent: (handler) => to.open(relayedOpen({ ...open, session: spec }, caller), handler),
      onAccept: (accept) => {
        this.#live.taken(viewing, accept);
        activity.opened({ user: caller.user.name, address, open }, accept.sessionId);
      },
      onEnd: (end) => this.#ended(viewing, end, performance.now() - startedAt),
    });
    if (!stream.isClosed) viewing.splice = splice;
    return splice.handler;
  }

  #ended(viewing: Viewing, { close, ...carried }: SpliceEnd, durationMs: number): void {
    const { caller, address, open, accept } = viewing;
    const asked = { user: caller.user.name, address, open };
    this.#live.left(viewing, close, carried);
    if (accept === undefined) this.#options.activity.refused(asked, close);
    else {
      const seconds = Math.round(durationMs) / 1_000;
      this.#options.activity.closed({ ...asked, ...carried, sessionId: accept.sessionId, close, seconds });
    }
  }
}

interface Way {
  readonly to: FrameLink;
  /** What is asked for there. */
  readonly spec: Open['session'];
}
interface Admitted extends Asking, Way {
  readonly open: Open;
}
type Judged = Admitted | { readonly open: Open | undefined; readonly close: Close };

function relayedOpen({ host: _, ...opening }: Open, { user }: UserCaller): RelayedOpen {
  return { ...opening, actor: user.name, role: user.role };
}
