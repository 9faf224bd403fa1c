import { isDeepStrictEqual } from 'node:util';
import { isAppError } from '../contracts/errors.ts';
import type { Role } from '../contracts/fleet.ts';
import {
  type Close,
  type RelayedOpen,
  relayedOpenSchema,
  type SessionSpec,
  sessionLimits,
} from '../contracts/session-wire.ts';
import { closeOf } from './close-of.ts';
import { type Opening, waiting } from './desk-opening.ts';
import { deskRefusals } from './desk-refusals.ts';
import { makeRoom } from './desk-room.ts';
import type { LinkStream, StreamHandler } from './link-stream.ts';
import { replayShare } from './replay-share.ts';
import type { Viewer } from './seat-table.ts';
import { Session } from './session.ts';
import { mayUse } from './session-access.ts';
import { newSessionId } from './session-id.ts';
import type { Source } from './source.ts';

/** What there is to open. */
export type OpenableSpec = Opening['spec'];

export interface OpenedSource {
  readonly source: Source;
  /** Whether all its output is one channel. */
  readonly isTerminal: boolean;
  /** Whether output is read on while nobody is there, its oldest part forgotten; else it waits for somebody. */
  readonly readsOn: boolean;
  /** How much input of one viewer may be under way, in bytes. Default: 256 KiB. */
  readonly windowBytes?: number;
}

export interface SessionDeskOptions {
  /** Opens what a session is about; the signal aborts when nobody waits for it any more. Raises AppErrors. */
  readonly open: (spec: OpenableSpec, signal: AbortSignal) => Promise<OpenedSource>;
  /** Told of a failure that is no AppError, whose words are not for viewers. Default: nobody is. */
  readonly onDefect?: (error: unknown) => void;
  /** How long a session is kept whose viewers are all away, in ms. Default: 300000. */
  readonly lingerMs?: number;
  /** Sessions at once, those included that wait for their viewers. Default: 1000. */
  readonly mostSessions?: number;
  /** Of those, opened by one user. Default: 64. */
  readonly mostPerActor?: number;
  /** Viewers of one session, those included who are away. Default: 16. */
  readonly mostSeats?: number;
  /** Memory for output that was read, of all sessions together, in bytes: an even share for each, at most 1 MiB. Default: 64 MiB. */
  readonly replayBytes?: number;
}

const defaults = {
  lingerMs: sessionLimits.lingerSeconds * 1_000,
  mostSessions: 1_000,
  mostPerActor: 64,
  mostSeats: 16,
  replayBytes: 64 * 1024 * 1024,
} satisfies Partial<SessionDeskOptions>;

export interface ListedSession {
  readonly sessionId: string;
  readonly spec: OpenableSpec;
  /** Who opened it. */
  readonly actor: string;
  readonly viewers: readonly Viewer[];
  readonly openedAt: string;
}

interface Entry extends Omit<ListedSession, 'viewers'> {
  readonly session: Session;
}

/** All sessions of one agent, or of a server's own logs. It opens them, and lets viewers join and come back; they outlive links. */
export class SessionDesk {
  readonly #options: SessionDeskOptions & typeof defaults;
  /** In the order in which they were opened. */
  readonly #entries = new Map<string, Entry>();
  readonly #openings = new Set<Opening>();
  #replayShare: number = sessionLimits.replayBytes;
  #closed: Close | undefined;

  constructor(options: SessionDeskOptions) {
    this.#options = { ...defaults, ...options };
  }

  /** For `onOpen` of a FrameLink. The request is an OPEN as a server relays it; what cannot be is told by CLOSE. */
  take(stream: LinkStream, request: unknown): StreamHandler | undefined {
    const open = relayedOpenSchema.safeParse(request).data;
    if (open === undefined) return refuse(stream, { code: 'protocol', message: 'it is opened in no known way' });
    if (this.#closed !== undefined) return refuse(stream, this.#closed);
    if (open.resume !== undefined) return this.#resume(stream, open, { ...open.resume, window: open.window });
    const again = this.#again(stream, open);
    return again === undefined ? this.#begin(stream, open) : again.handler;
  }

  list(): readonly ListedSession[] {
    return [...this.#entries.values()].map(({ session, ...entry }) => ({ ...entry, viewers: session.viewers }));
  }

  /** Memory that the kept output takes, in bytes. */
  get heldBytes(): number {
    return [...this.#entries.values()].reduce((sum, { session }) => sum + session.heldBytes, 0);
  }

  /** Ends all there are, and refuses what comes after. */
  close(close: Close): void {
    this.#closed = close;
    for (const { controller, stream } of this.#openings) {
      controller.abort();
      stream.close(close);
    }
    for (const { session } of [...this.#entries.values()]) session.close(close);
  }

  #resume(stream: LinkStream, { resume: _, ...open }: RelayedOpen, place: Place): StreamHandler | undefined {
    const returning = { ...open, seat: place.seat };
    const entry = this.#seated(place.seat, open.actor);
    if (entry === undefined) {
      const taken = this.#takeOver(stream, returning);
      return taken === undefined ? refuse(stream, deskRefusals.lost()) : taken.handler;
    }
    const problem = this.#returnProblem(entry, returning);
    if (problem !== undefined) return refuse(stream, problem);
    return entry.session.resume(place.seat, stream, { ...place, actor: open.actor });
  }

  /** Where the link was lost before it was told that it had opened this already: nothing is started twice. */
  #again(stream: LinkStream, open: RelayedOpen): Taken | undefined {
    const { actor, seat, window } = open;
    if (seat === undefined) return undefined;
    const entry = this.#seated(seat, actor);
    if (entry === undefined) return this.#takeOver(stream, { ...open, seat });
    const problem = this.#returnProblem(entry, { ...open, seat });
    return { handler: problem ? refuse(stream, problem) : entry.session.again(seat, stream, window) };
  }

  /** Takes over what is being opened for the same viewer; undefined where nothing is. */
  #takeOver(stream: LinkStream, { actor, seat, window, session: spec }: Returning): Taken | undefined {
    const isTheirs = (other: Opening) => other.seat === seat && other.actor === actor;
    // One that was given up is let go of as soon as it is open.
    const opening = [...this.#openings].find((other) => isTheirs(other) && !other.controller.signal.aborted);
    if (opening === undefined) return undefined;
    if (!isDeepStrictEqual(opening.spec, spec)) return { handler: refuse(stream, deskRefusals.another()) };
    opening.stream.close({ code: 'detached', message: 'the same viewer came again' });
    Object.assign(opening, { stream, window });
    return { handler: waiting(opening) };
  }

  /** Why who has the seat may not take it again: it was for something else, or what they may do has changed. */
  #returnProblem({ session, ...entry }: Entry, { actor, role, seat, session: spec }: Returning): Close | undefined {
    if (!isDeepStrictEqual(session.specOf(seat, actor), spec)) return deskRefusals.another();
    return viewProblem(entry, actor, role);
  }

  #begin(stream: LinkStream, { actor, role, seat, window, session: spec }: RelayedOpen): StreamHandler | undefined {
    if (spec.kind === 'join') return this.#join(stream, spec.sessionId, { actor, role, spec, seat, window });
    const problem = makeRoom(actor, [...this.#entries.values(), ...this.#openings], this.#options);
    if (problem !== undefined) return refuse(stream, problem);
    const opening: Opening = { actor, spec, seat, controller: new AbortController(), stream, window };
    this.#openings.add(opening);
    void this.#open(opening);
    return waiting(opening);
  }

  #join(stream: LinkStream, sessionId: string, joining: Joining): StreamHandler | undefined {
    const entry = this.#entries.get(sessionId);
    if (entry === undefined) return refuse(stream, deskRefusals.noSuch(sessionId));
    const problem = viewProblem(entry, joining.actor, joining.role);
    if (problem !== undefined) return refuse(stream, problem);
    const handler = entry.session.join(stream, joining);
    return handler ?? refuse(stream, deskRefusals.noSeat(sessionId, this.#options.mostSeats));
  }

  async #open(opening: Opening): Promise<void> {
    const { actor, spec, seat, controller } = opening;
    try {
      const opened = await this.#options.open(spec, controller.signal);
      if (controller.signal.aborted) {
        opened.source.close();
        return;
      }
      const session = this.#newSession(opened, { actor, spec });
      const handler = session.join(opening.stream, { actor, spec, seat, window: opening.window });
      if (handler !== undefined) opening.stream.handleBy(handler);
    } catch (error) {
      if (!isAppError(error) && !controller.signal.aborted) this.#options.onDefect?.(error);
      opening.stream.close(closeOf(error));
    } finally {
      this.#openings.delete(opening);
    }
  }

  #newSession({ windowBytes = sessionLimits.windowBytes, ...opened }: OpenedSource, whose: Whose): Session {
    const { lingerMs, mostSeats, onDefect } = this.#options;
    const sessionId = newSessionId();
    const session = new Session({
      ...opened,
      id: sessionId,
      windowBytes,
      replayBytes: this.#replayShare,
      mostSeats,
      lingerMs,
      onDefect,
      onEnd: () => {
        this.#entries.delete(sessionId);
        this.#share();
      },
    });
    this.#entries.set(sessionId, { ...whose, sessionId, session, openedAt: new Date().toISOString() });
    this.#share();
    return session;
  }

  #share(): void {
    const share = replayShare(this.#entries.size, this.#options.replayBytes);
    if (share === this.#replayShare) return;
    this.#replayShare = share;
    for (const { session } of this.#entries.values()) session.keep(share);
  }

  #seated(seat: string, actor: string): Entry | undefined {
    return [...this.#entries.values()].find(({ session }) => session.specOf(seat, actor) !== undefined);
  }
}

type Listed = Omit<Entry, 'session'>;
type Whose = Pick<Entry, 'actor' | 'spec'>;
type Joining = Pick<RelayedOpen, 'actor' | 'role' | 'seat' | 'window'> & { readonly spec: SessionSpec };
type Returning = RelayedOpen & { readonly seat: string };
type Place = NonNullable<RelayedOpen['resume']> & Pick<RelayedOpen, 'window'>;

/** What became of an OPEN; without a handler it was refused. */
interface Taken {
  readonly handler: StreamHandler | undefined;
}

/** Why a user may not view a session, or not any more. One of another user is not told from one that never was. */
function viewProblem({ sessionId, actor: opener, spec }: Listed, actor: string, role: Role): Close | undefined {
  if (opener !== actor && role !== 'admin') return deskRefusals.noSuch(sessionId);
  return mayUse(spec.kind, role) ? undefined : deskRefusals.notAllowed(spec.kind, role);
}

function refuse(stream: LinkStream, close: Close): undefined {
  stream.close(close);
}
