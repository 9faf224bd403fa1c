import { withDeadline } from '../base/deadline.ts';
import type { HostSpec } from '../contracts/host-spec.ts';
import type { HostEngine } from '../engine/host-engine.ts';
import type { HostSessions } from '../engine/host-sessions.ts';
import type { FrameLink, FrameLinkOptions, FramePort } from '../session/frame-link.ts';
import type { SessionDesk, SessionDeskOptions } from '../session/session-desk.ts';
import type { OwnLog } from './log-reading.ts';
import type { SourcePlace } from './session-sources.ts';

export interface AgentSessionsOptions {
  readonly engine: Pick<HostEngine, 'observeContainers'>;
  readonly sessions: HostSessions;
  /** Undefined until the server said it. */
  readonly hostId: () => string | undefined;
  /** Undefined until something is declared. */
  readonly spec: () => HostSpec | undefined;
  /** Default: there is none to read. */
  readonly ownLog?: OwnLog | undefined;
  readonly log: (line: string) => void;
  /** How long `close` waits for an engine that hangs, in ms. Default: 10000. */
  readonly closeMs?: number;
}

const defaults = { closeMs: 10_000 } satisfies Partial<AgentSessionsOptions>;

/** One socket's way to the sessions. */
export interface SocketFrames {
  receive(message: Uint8Array): void;
  /** The socket is gone; sessions wait for another. */
  end(): void;
}

type OpenLink = (port: FramePort) => FrameLink;

/** The sessions of one life of an agent. They outlive the sockets that lead to them. Loaded with the first frame, which most agents never see. */
export class AgentSessions {
  readonly #options: AgentSessionsOptions & typeof defaults;
  readonly #openings = new Set<Promise<unknown>>();
  #loading: Promise<OpenLink> | undefined;
  #desk: SessionDesk | undefined;
  #isEnded = false;

  constructor(options: AgentSessionsOptions) {
    this.#options = { ...defaults, ...options };
  }

  /** Also those that wait for their viewers to come back. */
  get openSessions(): number {
    return this.#desk?.list().length ?? 0;
  }

  /** For a socket that was dialled: frames may come as soon as it opens. */
  frames(port: FramePort): SocketFrames {
    let link: FrameLink | undefined;
    let isGone = false;
    const early: Uint8Array[] = [];
    const begin = async () => {
      this.#loading ??= this.#load();
      const openLink = await this.#loading;
      if (isGone) return;
      link = openLink(port);
      for (const message of early.splice(0)) link.receive(message);
    };
    return {
      receive: (message) => {
        if (link !== undefined) link.receive(message);
        else if (early.push(message) === 1) void begin().catch((error: unknown) => this.#failed(error, port));
      },
      end: () => {
        isGone = true;
        link?.end({ code: 'host-away', message: 'the link between the server and the host was lost' });
      },
    };
  }

  /** Ends them all, and says so to who is there. */
  end(): void {
    this.#isEnded = true;
    this.#desk?.close({
      code: 'session-lost',
      message: 'the agent of the host ends, and its sessions with it',
      next: 'Try again once the agent is back: agora host status',
    });
  }

  /** Resolves once nothing of them is left on the engine, or the engine took too long. */
  async close(): Promise<void> {
    this.end();
    if (this.#loading === undefined) return;
    const late = withDeadline(this.#options.closeMs);
    const { promise: tooLate, resolve } = Promise.withResolvers<void>();
    late.addEventListener('abort', () => resolve(), { once: true });
    // An opening that is given up may leave a program to hang up.
    await Promise.race([Promise.allSettled(this.#openings), tooLate]);
    await this.#options.sessions.close(late);
  }

  async #load(): Promise<OpenLink> {
    const { engine, sessions, hostId, spec, ownLog, log } = this.#options;
    const [{ FrameLink }, { SessionDesk }, { openSource }, { SharedLook }, { sessionLimits }] = await Promise.all([
      import('../session/frame-link.ts'),
      import('../session/session-desk.ts'),
      import('./session-sources.ts'),
      import('./shared-look.ts'),
      import('../contracts/session-wire.ts'),
    ]);
    const shared = new SharedLook(engine);
    const place: SourcePlace = {
      sessions,
      ownLog,
      look: async (signal, maxAgeMs) => ({
        containers: await shared.containers(signal, maxAgeMs),
        hostId: hostId(),
        spec: spec(),
      }),
    };
    const onDefect = (error: unknown) =>
      log(`A session failed: ${error instanceof Error ? error.stack : String(error)}`);
    const open: SessionDeskOptions['open'] = (session, signal) => this.#track(openSource(session, place, signal));
    const desk = new SessionDesk({ open, onDefect });
    this.#desk = desk;
    if (this.#isEnded) this.end();
    const { agentStreams: mostStreams } = sessionLimits;
    const onOpen: FrameLinkOptions['onOpen'] = (stream, request) => desk.take(stream, request);
    return (port) => new FrameLink({ port, mostStreams, onOpen, onDefect });
  }

  async #track<T>(opening: Promise<T>): Promise<T> {
    this.#openings.add(opening);
    try {
      return await opening;
    } finally {
      this.#openings.delete(opening);
    }
  }

  #failed(error: unknown, port: FramePort): void {
    this.#loading = undefined;
    this.#options.log(`Cannot open sessions: ${error instanceof Error ? error.message : String(error)}`);
    port.end(1011, 'the agent cannot open sessions');
  }
}
