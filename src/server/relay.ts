import type { LiveSession } from '../contracts/routes-sessions.ts';
import { type Close, sessionLimits } from '../contracts/session-wire.ts';
import { FrameLink, type FramePort } from '../session/frame-link.ts';
import { joinedLinks } from '../session/joined-links.ts';
import type { LinkStream, StreamHandler } from '../session/link-stream.ts';
import { comesBack } from '../session/seat.ts';
import { Splice, type SpliceEnd } from '../session/splice.ts';
import type { UserCaller } from './handler.ts';
import { LiveSessions, noBytes, type Viewing } from './live-sessions.ts';
import { RelayEnding } from './relay-ending.ts';
import { type Admitted, RelayJudge, type RelayJudgePorts } from './relay-judge.ts';
import type { SessionActivity } from './session-activity.ts';
import { type SessionLimits, sessionDefaults, timesOf } from './session-limits.ts';

export interface RelayOptions extends RelayJudgePorts {
  readonly activity: SessionActivity;
  readonly now: () => Date;
  readonly limits?: Partial<SessionLimits> | undefined;
}

/** Where a caller asks from. */
export interface From {
  readonly address: string;
  /** Whether it is a page that asks, through the web proxy. Default: false. */
  readonly isPage?: boolean;
}

interface Asking extends Required<From> {
  readonly caller: UserCaller;
}

/** How it went between this server and the host. */
interface Course {
  readonly startedAt: number;
  readonly isBack: boolean;
  /** Whether the host was asked at all. */
  isAsked: boolean;
  /** Whether it was the host that closed it. */
  isClosedByHost: boolean;
}

const stopping: Close = { code: 'server-stopping', message: 'the server stops' };

/** Joins what callers open with the hosts that it is for, as far as each may. */
export class Relay {
  readonly #options: RelayOptions;
  readonly #limits: SessionLimits;
  readonly #live = new LiveSessions();
  readonly #judge: RelayJudge;
  readonly #ending: RelayEnding;
  #isClosed = false;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#limits = { ...sessionDefaults, ...options.limits };
    this.#judge = new RelayJudge(options, this.#limits, this.#live);
    const { activity, callerNow } = options;
    this.#ending = new RelayEnding({ live: this.#live, judge: this.#judge, activity, callerNow });
  }

  /** The server's end of a caller's link. */
  serve(caller: UserCaller, from: From, port: FramePort): FrameLink {
    return new FrameLink({ port, ...this.#end(caller, from) });
  }

  /** The caller's end of a link within this process. */
  link(caller: UserCaller, from: From): FrameLink {
    const end = this.#end(caller, from);
    return joinedLinks({ mostStreams: end.mostStreams, onDefect: end.onDefect }, end).near;
  }

  list(): LiveSession[] {
    return this.#live.list();
  }

  /** Ends one that is listed for all of its viewers. Raises `not-ready` where its host cannot be told. */
  async end(session: Pick<LiveSession, 'sessionId' | 'host'>, by: UserCaller, signal: AbortSignal): Promise<void> {
    await this.#ending.end(session, by, signal);
  }

  /** Ends the sessions of those who may not have them any more. */
  checkCallers(): void {
    this.#ending.checkCallers();
  }

  /** Callers come back to the server that follows. */
  close(): void {
    this.#isClosed = true;
    for (const { splice } of this.#live.viewings) splice?.close(stopping);
    this.#options.local.close(stopping);
    this.#live.close();
    this.#options.activity.close();
  }

  #end(caller: UserCaller, { address, isPage = false }: From) {
    return {
      mostStreams: sessionLimits.callerStreams,
      onOpen: (stream: LinkStream, request: unknown) => this.#opened(stream, request, { caller, address, isPage }),
      onDefect: (error: unknown) => this.#options.onDefect?.(error),
    };
  }

  #opened(stream: LinkStream, request: unknown, asking: Asking): StreamHandler | undefined {
    const { caller, address, isPage } = asking;
    if (this.#isClosed) {
      stream.close(stopping);
      return undefined;
    }
    const judged = this.#judge.judge(request, { tokenId: caller.tokenId, isPage });
    if ('to' in judged) return this.#relay(stream, asking, judged);
    const { open, close } = judged;
    stream.close(close);
    this.#options.activity.refused({ user: caller.user.name, address, open }, close);
    return undefined;
  }

  #relay(stream: LinkStream, { address, isPage }: Asking, admitted: Admitted): StreamHandler {
    const { caller, open, to, request } = admitted;
    const { activity, now } = this.#options;
    const viewing = viewingOf(admitted, { address, isPage }, now());
    const course = courseOf(admitted, performance.now());
    this.#live.add(viewing);
    const splice = new Splice({
      caller: stream,
      windowBytes: open.window,
      hasErrors: open.session.kind !== 'proxy',
      resume: open.resume,
      times: timesOf(open.session, this.#limits, now().getTime() - viewing.openedAt.getTime()),
      openAgent: (handler) => {
        const onClose = (close: Close) => {
          course.isClosedByHost = true;
          handler.onClose(close);
        };
        const agent = to.open(request, { onFrame: (frame) => handler.onFrame(frame), onClose });
        course.isAsked = agent !== undefined;
        return agent;
      },
      onAccept: (accept) => {
        this.#live.taken(viewing, accept);
        const { sessionId } = accept;
        activity.opened({ user: caller.user.name, address, open, sessionId, isBack: course.isBack });
      },
      onEnd: (end) => {
        this.#live.leaving.add({ user: caller.user.name, isPage }, stream);
        this.#ended(viewing, end, course);
      },
    });
    if (!stream.isClosed) viewing.splice = splice;
    return splice.handler;
  }

  #ended(viewing: Viewing, { close, ...carried }: SpliceEnd, course: Course): void {
    const { activity } = this.#options;
    const { caller, address, open, accept, sessionId } = viewing;
    const { isAsked, isClosedByHost, isBack } = course;
    // Only its host can say that nothing was started there.
    const isUnanswered = accept === undefined && isAsked && (!isClosedByHost || comesBack.includes(close.code));
    this.#live.left(viewing, { close, carried, isUnanswered });
    const asked = { user: caller.user.name, address, open };
    if (accept === undefined && !isUnanswered) {
      activity.refused(asked, close);
      return;
    }
    if (isUnanswered) activity.opened({ ...asked, sessionId, isBack });
    const seconds = Math.round(performance.now() - course.startedAt) / 1_000;
    activity.closed({ ...asked, ...carried, sessionId, close, seconds });
  }
}

/** A viewing that begins, or goes on after the link before. */
function viewingOf(
  { caller, open, hostId, before }: Admitted,
  { address, isPage }: Required<From>,
  now: Date,
): Viewing {
  return {
    caller,
    address,
    isPage,
    open,
    hostId,
    splice: undefined,
    accept: undefined,
    sessionId: before?.sessionId,
    opened: before?.opened,
    openedAt: before?.openedAt ?? now,
    carried: before?.carried ?? noBytes,
  };
}

function courseOf({ open, before }: Admitted, startedAt: number): Course {
  // One whose OPEN was not answered on the link before was not told of as opened yet.
  const wasTold = before !== undefined && (before.splice === undefined || before.accept !== undefined);
  return { startedAt, isBack: open.resume !== undefined || wasTold, isAsked: false, isClosedByHost: false };
}
