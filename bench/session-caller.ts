import { type Open, sessionLimits } from '../src/contracts/session-wire.ts';
import { connectSessions } from '../src/server-client/session-link.ts';
import { CallerSession, type SessionOutcome } from '../src/session/caller-session.ts';
import type { FrameLink } from '../src/session/frame-link.ts';

export interface CallerOptions {
  readonly url: string;
  readonly token: string;
  readonly host: string;
  readonly workspace: string;
}

/** Somebody with one link to the server, and sessions over it. */
export class Caller {
  readonly #options: CallerOptions;
  readonly #ending = new AbortController();
  #link: Promise<FrameLink> | undefined;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  exec(command: readonly string[], { isTerminal = true } = {}): Running {
    return this.open({
      kind: 'exec',
      workspace: this.#options.workspace,
      command: [...command],
      env: [],
      interactive: true,
      ...(isTerminal && { terminal: { columns: 80, rows: 24 } }),
    });
  }

  open(spec: Open['session']): Running {
    const leaving = new AbortController();
    const session = new CallerSession({
      open: { host: this.#options.host, session: spec, window: sessionLimits.windowBytes },
      connect: () => this.#connected(),
      signal: AbortSignal.any([leaving.signal, this.#ending.signal]),
    });
    const outcome = session.run();
    outcome.catch(() => undefined); // Who waits for it is told.
    return { session, outcome, cancel: () => leaving.abort(new Error('the caller has seen enough')) };
  }

  close(): void {
    this.#ending.abort(new Error('the caller is closed'));
  }

  /** All who ask while it connects wait for the same link. */
  #connected(): Promise<FrameLink> {
    this.#link = this.#linkAfter(this.#link);
    return this.#link;
  }

  /** The link that there is, or another where it has ended or could not be had. */
  async #linkAfter(before: Promise<FrameLink> | undefined): Promise<FrameLink> {
    const known = await before?.catch(() => undefined);
    if (known !== undefined && !known.isEnded) return known;
    const { url, token } = this.#options;
    return await connectSessions({ url, authorization: `Bearer ${token}`, signal: this.#ending.signal });
  }
}

export interface Running {
  readonly session: CallerSession;
  readonly outcome: Promise<SessionOutcome>;
  cancel(): void;
}
