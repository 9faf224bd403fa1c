import { exitCodes, isAppError } from '../contracts/errors.ts';
import { type SessionSpec, sessionLimits } from '../contracts/session-wire.ts';
import type { LoggedBytes } from '../session/byte-log.ts';
import type { CommandContext } from './command.ts';
import { type Once, reopening } from './reopening.ts';
import type { ServerSessions } from './server-sessions.ts';
import { SessionTalk } from './session-talk.ts';
import { type LogPosition, StampedLines } from './stamped-lines.ts';

export interface FollowedLog {
  /** Undefined of the server itself. */
  readonly host?: string;
  readonly log: Omit<Extract<SessionSpec, { readonly kind: 'logs' }>, 'kind'>;
}

type LogChannel = LoggedBytes['channel'];

/** The stamps of two outputs may come in another order than their lines. */
const overlapMs = 1_000;

/** Prints a log until its end, or Ctrl-C; one that is followed is opened anew where its session was lost. */
export async function followLog(
  sessions: ServerSessions,
  followed: FollowedLog,
  context: CommandContext,
): Promise<number> {
  const following = new FollowingLog(sessions, followed, context);
  try {
    return await reopening(() => following.readOnce(), context.stop);
  } catch (error) {
    if (context.stop.aborted) return exitCodes.interrupted;
    throw error;
  } finally {
    following.close();
  }
}

class FollowingLog {
  readonly #sessions: ServerSessions;
  readonly #followed: FollowedLog;
  readonly #context: CommandContext;
  readonly #talk: SessionTalk;
  /** Only a log that is followed can be opened anew, and then must tell where it was. Lines of a build have no times. */
  readonly #reopens: boolean;
  #lines = new Map<LogChannel, StampedLines>();
  #wasAccepted = false;

  constructor(sessions: ServerSessions, followed: FollowedLog, context: CommandContext) {
    this.#sessions = sessions;
    this.#followed = followed;
    this.#reopens = followed.log.follow && followed.log.source.of !== 'build';
    this.#context = context;
    this.#talk = new SessionTalk({ output: context.stderr });
  }

  close(): void {
    this.#talk.close();
  }

  /** One session. Raises what another one would not help against. */
  async readOnce(): Promise<Once<number>> {
    const { host } = this.#followed;
    const over = new AbortController();
    const session = this.#sessions.session({
      open: { ...(host !== undefined && { host }), session: this.#spec(), window: sessionLimits.windowBytes },
      signal: AbortSignal.any([over.signal, this.#context.stop]),
      onAccept: () => {
        this.#wasAccepted = true;
        this.#talk.away(false, '');
      },
      onNotice: (text) => this.#talk.say(text),
      onAway: (isAway, reason) => this.#talk.away(isAway, reason),
    });
    session.endInput();
    const shown = this.#show(session.output());
    shown.catch((error: unknown) => over.abort(error));
    try {
      await session.run();
      await shown;
      return { kind: 'over', value: exitCodes.ok };
    } catch (error) {
      // What came before it is shown.
      await shown.catch(() => undefined);
      const isLost = this.#reopens && this.#wasAccepted && isAppError(error, 'unreachable');
      if (!isLost) throw error;
      this.#talk.away(true, error.message);
      return { kind: 'lost', reason: error };
    }
  }

  #spec(): SessionSpec {
    const { log } = this.#followed;
    const spec = { kind: 'logs', ...log, timestamps: log.timestamps || this.#reopens } as const;
    const positions = [...this.#lines.values()].flatMap(({ position }) => position ?? []);
    if (positions.length === 0) return spec;
    this.#lines = new Map(
      [...this.#lines].map(([channel, { position }]) => [channel, new StampedLines(log.timestamps, position)]),
    );
    const { tail: _, ...whole } = spec;
    return { ...whole, since: before(positions) };
  }

  async #show(output: AsyncIterable<LoggedBytes>): Promise<void> {
    const { stdout, stderr } = this.#context;
    for await (const { channel, bytes } of output) {
      const shown = this.#reopens ? this.#linesOf(channel).take(bytes) : bytes;
      if (shown.length > 0) await (channel === 'error' ? stderr : stdout).write(shown);
    }
  }

  #linesOf(channel: LogChannel): StampedLines {
    const lines = this.#lines.get(channel) ?? new StampedLines(this.#followed.log.timestamps);
    this.#lines.set(channel, lines);
    return lines;
  }
}

/** What was read before is left out as it comes. */
function before(positions: readonly LogPosition[]): string {
  const last = Math.max(...positions.map(({ stamp }) => Date.parse(stamp)));
  return new Date(last - overlapMs).toISOString();
}
