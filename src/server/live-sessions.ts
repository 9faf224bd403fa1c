import { isDeepStrictEqual } from 'node:util';
import type { HostId } from '../contracts/fleet-ids.ts';
import type { LiveSession } from '../contracts/routes-sessions.ts';
import { type Accept, type Close, type Open, type SessionSpec, sessionLimits } from '../contracts/session-wire.ts';
import { comesBack } from '../session/seat.ts';
import { newSessionId } from '../session/session-id.ts';
import type { CarriedBytes, Splice } from '../session/splice.ts';
import type { UserCaller } from './handler.ts';
import { LeavingStreams } from './leaving-streams.ts';
import { whatOf, workspaceOf } from './session-words.ts';

/** What a session is, whoever views it. */
export interface Opened {
  readonly user: string;
  readonly spec: SessionSpec;
  readonly at: Date;
}

/** One viewer's way to a session. */
export interface Viewing {
  readonly caller: UserCaller;
  readonly address: string;
  /** Opened by a page, through the web proxy. */
  readonly isPage: boolean;
  readonly open: Open;
  /** Undefined of a session of the server itself. */
  readonly hostId: HostId | undefined;
  /** Undefined while it waits for its viewer. */
  splice: Splice | undefined;
  /** Undefined until it was taken. */
  accept: Accept | undefined;
  /** As it was told on this link, or on the one before; one of ours for what waits and was not answered. */
  sessionId: string | undefined;
  /** Undefined where it was joined and its opener is not known here. */
  opened: Opened | undefined;
  readonly openedAt: Date;
  /** Over links that are no more. */
  carried: CarriedBytes;
}

export interface Left {
  readonly close: Close;
  readonly carried: CarriedBytes;
  /** The host may have opened it all the same. */
  readonly isUnanswered: boolean;
}

type Asked = Pick<Viewing, 'caller' | 'hostId' | 'open'>;
type Listed = Viewing & { readonly sessionId: string };

/** The sessions that are viewed through this server, and those that wait for their viewers. */
export class LiveSessions {
  /** In the order in which they were opened. */
  readonly #viewings = new Set<Viewing>();
  readonly #waiting = new Map<Viewing, NodeJS.Timeout>();
  readonly leaving = new LeavingStreams();

  /** With those that are being opened. */
  get viewings(): readonly Viewing[] {
    return [...this.#viewings];
  }

  /** How many there are of a user and of a host; one that comes back is the one that waits for it. */
  count(user: string, { host, session }: Pick<Open, 'host' | 'session'>) {
    const ofUser = this.viewings.filter(({ caller }) => caller.user.name === user);
    const ofHost = this.viewings.filter(({ open }) => open.host === host);
    const ofPages = ofUser.filter(({ isPage }) => isPage);
    const ofPort = ofPages.filter(({ open }) => open.host === host && isDeepStrictEqual(open.session, session));
    return { ofUser: ofUser.length, ofHost: ofHost.length, ofPages: ofPages.length, ofPort: ofPort.length };
  }

  add(viewing: Viewing): void {
    this.#viewings.add(viewing);
  }

  /** Whether a user has a seat on any host. */
  hasSeat({ name }: UserCaller['user'], seat: string | undefined): boolean {
    return seat !== undefined && this.viewings.some((one) => one.caller.user.name === name && seatOf(one) === seat);
  }

  /** The same viewer's on the link before; undefined where this is the first that is known. */
  before(asked: Asked): Viewing | undefined {
    const seat = askedSeat(asked.open);
    if (seat === undefined) return undefined;
    return this.viewings.findLast((viewing) => isOfSeat(viewing, asked, seat));
  }

  /** The host took it. What waited for it is it from now on. */
  taken(viewing: Viewing, accept: Accept): void {
    viewing.accept = accept;
    viewing.sessionId = accept.sessionId;
    this.#forgetWaiting(viewing, accept.seat);
    const { open, caller, openedAt } = viewing;
    const viewings = this.viewingsOf(viewing);
    if (open.session.kind !== 'join') viewing.opened = { user: caller.user.name, spec: open.session, at: openedAt };
    const opened = viewing.opened ?? viewings.find((other) => other.opened !== undefined)?.opened;
    for (const one of viewings) one.opened ??= opened;
  }

  /** Its stream is closed: it waits where its viewer may come back, and is not back already. */
  left(viewing: Viewing, { close, carried, isUnanswered }: Left): void {
    const { accept } = viewing;
    viewing.splice = undefined;
    viewing.carried = sumOf(viewing.carried, carried);
    const seat = seatOf(viewing);
    const isThere = seat !== undefined && (accept !== undefined || isUnanswered) && comesBack.includes(close.code);
    if (!isThere || !this.#viewings.has(viewing) || this.#isBack(viewing, seat)) {
      this.forget(viewing);
      // Its host has it no more, as after a restart of its agent: nobody can come back to it.
      if (seat !== undefined && accept === undefined && close.code === 'not-found') this.#forgetWaiting(viewing, seat);
      return;
    }
    // Who only asked to join is no reason to list a session.
    if (viewing.open.session.kind !== 'join') viewing.sessionId ??= newSessionId();
    const { lingerSeconds: most } = sessionLimits;
    const seconds = Math.min(accept?.lingerSeconds ?? most, most);
    this.#waiting.set(viewing, setTimeout(() => this.forget(viewing), seconds * 1_000).unref());
  }

  forget(viewing: Viewing): void {
    clearTimeout(this.#waiting.get(viewing));
    this.#waiting.delete(viewing);
    this.#viewings.delete(viewing);
  }

  list(): LiveSession[] {
    return this.#bySession().map(sessionOf);
  }

  /** One of the viewings of a session that is listed. */
  oneOf({ sessionId, host }: Pick<LiveSession, 'sessionId' | 'host'>): Viewing | undefined {
    const viewings = this.#bySession().find((taken) => {
      const session = sessionOf(taken);
      return session.sessionId === sessionId && session.host === host;
    });
    return viewings?.[0];
  }

  /** Of one session, by all of its viewers, those included who are coming back. */
  viewingsOf({ sessionId, hostId }: Pick<Viewing, 'sessionId' | 'hostId'>): readonly Viewing[] {
    return this.viewings.filter((viewing) => viewing.sessionId === sessionId && viewing.hostId === hostId);
  }

  close(): void {
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
    this.#viewings.clear();
  }

  #forgetWaiting(viewing: Viewing, seat: string): void {
    for (const waiting of [...this.#waiting.keys()]) {
      if (isOfSeat(waiting, viewing, seat)) this.forget(waiting);
    }
  }

  #isBack(viewing: Viewing, seat: string): boolean {
    const others = this.viewings.filter((other) => other !== viewing && isOfSeat(other, viewing, seat));
    return others.some(({ accept }) => accept !== undefined || viewing.accept === undefined);
  }

  #bySession(): readonly (readonly Listed[])[] {
    const isThere = (viewing: Viewing) => viewing.accept !== undefined || this.#waiting.has(viewing);
    const listed = this.viewings.filter(
      (viewing): viewing is Listed => viewing.sessionId !== undefined && isThere(viewing),
    );
    // What one host calls a session says nothing about those of another.
    return [...Map.groupBy(listed, ({ sessionId, hostId }) => `${hostId} ${sessionId}`).values()];
  }
}

/** As the host told it, or as its viewer chose it. */
export function seatOf({ accept, open }: Pick<Viewing, 'accept' | 'open'>): string | undefined {
  return accept?.seat ?? askedSeat(open);
}

function askedSeat({ resume, seat }: Open): string | undefined {
  return resume?.seat ?? seat;
}

function isOfSeat(viewing: Viewing, { caller, hostId }: Omit<Asked, 'open'>, seat: string): boolean {
  return seatOf(viewing) === seat && viewing.hostId === hostId && viewing.caller.user.name === caller.user.name;
}

function sumOf(one: CarriedBytes, other: CarriedBytes): CarriedBytes {
  return {
    inputBytes: one.inputBytes + other.inputBytes,
    outputBytes: one.outputBytes + other.outputBytes,
  };
}

function sessionOf(viewings: readonly Listed[]): LiveSession {
  const [first] = viewings;
  if (first === undefined) throw new RangeError('a session has a viewing');
  const { host, session } = first.open;
  const { user, spec, at } = first.opened ?? { user: first.caller.user.name, spec: session, at: first.openedAt };
  const workspace = workspaceOf(spec);
  const here = viewings.filter(({ splice }) => splice !== undefined);
  const carried = viewings
    .map((viewing) => sumOf(viewing.carried, viewing.splice?.carried ?? noBytes))
    .reduce(sumOf, noBytes);
  return {
    sessionId: first.sessionId,
    user,
    ...(host !== undefined && { host }),
    ...(workspace !== undefined && { workspace }),
    kind: spec.kind,
    what: whatOf(spec),
    openedAt: at.toISOString(),
    state: here.length > 0 ? 'viewed' : 'waiting',
    viewers: here.map(({ caller }) => caller.user.name),
    ...carried,
  };
}

export const noBytes: CarriedBytes = { inputBytes: 0, outputBytes: 0 };
