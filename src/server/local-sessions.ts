import { AppError } from '../contracts/errors.ts';
import { type HostId, hostIdSchema } from '../contracts/fleet-ids.ts';
import { type Close, type Open, type SessionSpec, sessionLimits } from '../contracts/session-wire.ts';
import type { FrameLink } from '../session/frame-link.ts';
import { joinedLinks } from '../session/joined-links.ts';
import { type OpenableSpec, type OpenedSource, SessionDesk } from '../session/session-desk.ts';
import { type Builds, hasEnded } from './builds.ts';
import { type LineChoice, type LineLog, readLines } from './line-log.ts';
import type { Waiters } from './waiters.ts';

export interface LocalSessionsOptions {
  readonly serverLog: LineLog;
  readonly builds: Builds;
  /** Told whenever a host tells of its builds. */
  readonly buildNews: Waiters<HostId>;
  readonly onDefect: (error: unknown) => void;
}

/** As they wait for who reads them: to open such a log again costs little. */
const lingerMs = 60_000;
const mostSessions = 128;
/** So few that no user alone leaves nothing for the others. */
const mostPerActor = 8;
const newsMs = 25_000;

/** The logs that a server has itself, its own and those of builds, as sessions of a desk like those of an agent. */
export class LocalSessions {
  readonly #options: LocalSessionsOptions;
  readonly #desk: SessionDesk;
  #link: FrameLink | undefined;

  constructor(options: LocalSessionsOptions) {
    this.#options = options;
    const { onDefect } = options;
    const open = async (spec: OpenableSpec) => this.#open(spec);
    this.#desk = new SessionDesk({ open, onDefect, lingerMs, mostSessions, mostPerActor });
  }

  /** The way to them. */
  get link(): FrameLink {
    if (this.#link === undefined || this.#link.isEnded) {
      const { agentStreams: mostStreams } = sessionLimits;
      const { onDefect } = this.#options;
      const onOpen: SessionDesk['take'] = (stream, request) => this.#desk.take(stream, request);
      this.#link = joinedLinks({ mostStreams, onDefect }, { mostStreams, onOpen, onDefect }).near;
    }
    return this.#link;
  }

  /** Whether it is a log of the server, as `specFor` tells it. */
  has(spec: SessionSpec): boolean {
    return spec.kind === 'logs' && (spec.source.of === 'server' || spec.source.of === 'build');
  }

  /** The same session for the desk, which knows builds by their hosts; undefined for what is asked of a host. */
  specFor(spec: SessionSpec, hostOf: () => HostId): Open['session'] | undefined {
    if (spec.kind !== 'logs' || spec.source.of === 'workspace' || spec.source.of === 'agent') return undefined;
    if (spec.source.of === 'server') return spec;
    if (spec.since !== undefined || spec.timestamps) {
      throw new AppError('invalid-input', 'Cannot read the log of a build by time: its lines have none', {
        next: 'Leave out --since and --timestamps.',
      });
    }
    const hostId = hostOf();
    const { buildId } = this.#options.builds.named(hostId, spec.source.id);
    return { ...spec, source: { of: 'build', id: `${hostId}/${buildId}` } };
  }

  close(close: Close): void {
    this.#desk.close(close);
  }

  #open(spec: OpenableSpec): OpenedSource {
    if (spec.kind === 'logs' && spec.source.of === 'server') return sourceOf(this.#options.serverLog, spec);
    if (spec.kind === 'logs' && spec.source.of === 'build') return sourceOf(this.#buildLog(spec.source.id), spec);
    throw new AppError('refused', `Cannot open ${spec.kind}: a server has logs only`);
  }

  #buildLog(id: string): LineLog {
    const { builds, buildNews } = this.#options;
    const [host, word = ''] = id.split('/');
    const hostId = hostIdSchema.parse(host); // As `specFor` made it.
    const { buildId } = builds.named(hostId, word);
    return {
      read: (from) => {
        const build = builds.named(hostId, buildId);
        const { first, lines, next } = builds.logs.read(hostId, buildId, from);
        const isComplete = hasEnded(build) && first + lines.length >= next;
        return { first, lines: lines.map((text) => ({ text })), next, isComplete };
      },
      changed: (signal) => buildNews.wait(hostId, newsMs, signal),
    };
  }
}

function sourceOf(log: LineLog, choice: LineChoice): OpenedSource {
  const ending = new AbortController();
  const nothing = async () => {};
  return {
    source: {
      output: readLines(log, choice, ending.signal),
      write: nothing,
      endInput: nothing,
      resize: nothing,
      signal: nothing,
      exit: async () => undefined,
      close: () => ending.abort(),
    },
    isTerminal: false,
    readsOn: false,
  };
}
