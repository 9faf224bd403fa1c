import type { LiveSession } from '../contracts/routes-sessions.ts';
import type { Accept, Close, Open } from '../contracts/session-wire.ts';
import { comesBack } from '../session/seat.ts';
import type { CarriedBytes, Splice } from '../session/splice.ts';
import type { UserCaller } from './handler.ts';
import { whatOf, workspaceOf } from './session-words.ts';

/** One viewer's way to a session. */
export interface Viewing {
  readonly caller: UserCaller;
  readonly address: string;
  readonly open: Open;
  /** Undefined while it waits for its viewer. */
  splice: Splice | undefined;
  /** Undefined until it was taken. */
  accept: Accept | undefined;
  readonly openedAt: Date;
  /** Over links that are no more. */
  carried: CarriedBytes;
}

type Taken = Viewing & { readonly accept: Accept };

/** The sessions that are viewed through this server, and those that wait for their viewers. */
export class LiveSessions {
  /** In the order in which they were opened. */
  readonly #viewings = new Set<Viewing>();
  readonly #waiting = new Map<Viewing, NodeJS.Timeout>();

  /** With those that are being opened. */
  get viewings(): readonly Viewing[] {
    return [...this.#viewings];
  }

  /** How many there are of a user, or of a host; one that comes back is the one that waits for it. */
  count(of: { readonly user: string } | { readonly host: string | undefined }): number {
    return this.viewings.filter(({ caller, open }) =>
      'user' in of ? caller.user.name === of.user : open.host === of.host,
    ).length;
  }

  add(viewing: Viewing): void {
    this.#viewings.add(viewing);
  }

  /** The same viewer's on the link before; undefined where this is the first that is known. */
  before({ resume }: Open, { user }: UserCaller): Viewing | undefined {
    if (resume === undefined) return undefined;
    return this.viewings.find(({ accept, caller }) => accept?.seat === resume.seat && caller.user.name === user.name);
  }

  /** The host took it. What waited for it is it from now on. */
  taken(viewing: Viewing, accept: Accept): void {
    viewing.accept = accept;
    for (const waiting of [...this.#waiting.keys()]) {
      if (waiting.accept?.seat === accept.seat) this.#forget(waiting);
    }
  }

  /** Its stream is closed: it waits where its viewer may come back, and is not back already. */
  left(viewing: Viewing, close: Close, carried: CarriedBytes): void {
    const { accept } = viewing;
    viewing.splice = undefined;
    viewing.carried = sumOf(viewing.carried, carried);
    const isBack = this.viewings.some((other) => other !== viewing && other.accept?.seat === accept?.seat);
    if (accept === undefined || isBack || !this.#viewings.has(viewing) || !comesBack.includes(close.code)) {
      this.#forget(viewing);
      return;
    }
    this.#waiting.set(viewing, setTimeout(() => this.#forget(viewing), accept.lingerSeconds * 1_000).unref());
  }

  /** A viewing that waits is waited for no more. */
  forget(viewing: Viewing): void {
    this.#forget(viewing);
  }

  list(): LiveSession[] {
    return [...this.#bySession().values()].map(sessionOf);
  }

  /** Of one session, by all of its viewers. */
  viewingsOf(sessionId: string): readonly Viewing[] {
    return this.viewings.filter(({ accept }) => accept?.sessionId === sessionId);
  }

  close(): void {
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
    this.#viewings.clear();
  }

  #bySession(): ReadonlyMap<string, readonly Taken[]> {
    const taken = this.viewings.filter((viewing): viewing is Taken => viewing.accept !== undefined);
    return Map.groupBy(taken, ({ accept, open }) => `${open.host} ${accept.sessionId}`);
  }

  #forget(viewing: Viewing): void {
    clearTimeout(this.#waiting.get(viewing));
    this.#waiting.delete(viewing);
    this.#viewings.delete(viewing);
  }
}

function sumOf(one: CarriedBytes, other: CarriedBytes): CarriedBytes {
  return {
    inputBytes: one.inputBytes + other.inputBytes,
    outputBytes: one.outputBytes + other.outputBytes,
  };
}

function sessionOf(viewings: readonly Taken[]): LiveSession {
  const [first] = viewings;
  if (first === undefined) throw new RangeError('a session has a viewing');
  const opener = viewings.find(({ open }) => open.session.kind !== 'join') ?? first;
  const { session: spec, host } = opener.open;
  const workspace = workspaceOf(spec);
  const here = viewings.filter(({ splice }) => splice !== undefined);
  const carried = viewings
    .map((viewing) => sumOf(viewing.carried, viewing.splice?.carried ?? noBytes))
    .reduce(sumOf, noBytes);
  return {
    sessionId: first.accept.sessionId,
    user: opener.caller.user.name,
    ...(host !== undefined && { host }),
    ...(workspace !== undefined && { workspace }),
    kind: spec.kind,
    what: whatOf(spec),
    openedAt: opener.openedAt.toISOString(),
    state: here.length > 0 ? 'viewed' : 'waiting',
    viewers: here.map(({ caller }) => caller.user.name),
    ...carried,
  };
}

export const noBytes: CarriedBytes = { inputBytes: 0, outputBytes: 0 };
