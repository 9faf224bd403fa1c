import { sleep } from '../base/deadline.ts';
import { type Backoff, retryDelayMs } from '../base/retry.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import type { HostLogRequest, SessionBytes } from '../engine/host-sessions.ts';
import { LogPosition } from '../engine/log-position.ts';
import type { SourcePlace } from './session-sources.ts';
import { recentMs } from './shared-look.ts';
import { containerOf, isDeclared } from './workspace-container.ts';

export interface FollowedLogOptions extends Omit<HostLogRequest, 'position'> {
  readonly workspace: string;
  readonly place: SourcePlace;
}

/** Between two looks for what comes after a container that ended. */
const backoff: Backoff = { delayMs: 100, maxDelayMs: 1_000 };

/** One container, in one of its lives. */
type Read = Pick<ObservedContainer, 'id' | 'startedAt' | 'status'>;
/** Counts until a first line was read. */
type From = Pick<HostLogRequest, 'since' | 'tail'>;

/**
 * The log of a workspace: over restarts of its container and of the engine each line once, and on with the container that an
 * update puts in its place.
 */
export class FollowedLog {
  onNotice: (text: string) => void = () => {};
  readonly #options: FollowedLogOptions;
  #position = new LogPosition();

  constructor(options: FollowedLogOptions) {
    this.#options = options;
  }

  async *read(first: Read): AsyncGenerator<SessionBytes> {
    const { follow, signal, since, tail } = this.#options;
    let from: From = { since, tail };
    for (let current: Read | undefined = first; current !== undefined; ) {
      const beganAt = new Date();
      const isWhole: boolean = yield* this.#readOnce(current, { ...from, follow });
      if (!follow || signal.aborted) return;
      const next: Read | undefined = await this.#after(current);
      if (next !== undefined && next.id !== current.id) {
        if (!isWhole) yield* this.#readRest(current, from);
        this.onNotice(
          `an update replaced the container of "${this.#options.workspace}"; its log goes on with the new one`,
        );
        this.#position = new LogPosition();
        from = {};
      } else if (next !== undefined) {
        const startedAt = next.startedAt === current.startedAt ? undefined : next.startedAt;
        from = afterRead(from, { isWhole, beganAt, startedAt });
      }
      current = next;
    }
  }

  /** To its end, or to where it broke off: whether that was its end. */
  async *#readOnce({ id }: Read, asked: From & Pick<HostLogRequest, 'follow'>): AsyncGenerator<SessionBytes, boolean> {
    const { follow, timestamps, signal, place, workspace } = this.#options;
    const position = follow ? this.#position : undefined;
    try {
      yield* place.sessions.readLog(id, { ...asked, timestamps, signal, position });
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      const comesBack = follow && (isAppError(error, 'unreachable') || isAppError(error, 'not-found'));
      if (!comesBack) throw isAppError(error) ? inWords(error, { id, workspace }) : error;
      return false;
    }
  }

  /** Of a container that was replaced while its log could not be read, as far as it is still there. */
  async *#readRest(read: Read, from: From): AsyncGenerator<SessionBytes> {
    if (yield* this.#readOnce(read, { ...from, follow: false })) return;
    this.onNotice(`the last lines of the container of "${this.#options.workspace}" before its update may be missing`);
  }

  /** What is to be read next: the same container in another life of its own, or another; undefined where nothing comes any more. */
  async #after(read: Read): Promise<Read | undefined> {
    const { place, workspace, signal } = this.#options;
    for (let looks = 1; ; looks += 1) {
      await sleep(retryDelayMs(Math.min(looks, 10), backoff), signal).catch(() => undefined);
      if (signal.aborted) return undefined;
      // What ended just now is not in a look of before.
      const seen = await place.look(signal, looks === 1 ? 0 : recentMs).catch(() => undefined);
      if (seen === undefined) continue; // The engine is away.
      const found = containerOf(seen, workspace);
      if (found === undefined && !isDeclared(seen, workspace)) return undefined;
      const isOther = found?.id !== read.id || found.startedAt !== read.startedAt || found.status === 'running';
      if (found !== undefined && isOther) return found;
    }
  }
}

interface EarlierRead {
  /** To the end of the log. */
  readonly isWhole: boolean;
  readonly beganAt: Date;
  /** Of its next life, where it has one. */
  readonly startedAt: string | undefined;
}

/** From where a log is read again of which no line came: `tail` counts the lines that there were at first. */
function afterRead({ since, tail }: From, { isWhole, beganAt, startedAt }: EarlierRead): From {
  if (tail === 0) {
    // Whichever is earlier: the clock of the engine may be behind ours.
    const again = Math.min(beganAt.getTime(), Date.parse(startedAt ?? '') || Number.POSITIVE_INFINITY);
    return { since: new Date(Math.max(again, Date.parse(since ?? '') || 0)).toISOString() };
  }
  return isWhole ? { since } : { since, tail };
}

/** With the name that people know instead of the engine's id. */
function inWords(error: AppError, { id, workspace }: { readonly id: string; readonly workspace: string }): AppError {
  const { code, message, next } = error;
  const isUnreadable = /logging driver/.test(message);
  return new AppError(code, message.replaceAll(id, workspace), {
    cause: error,
    ...(next !== undefined && { next }),
    ...(isUnreadable && {
      next: 'Its spec, or the default of the engine, names a log driver that nothing can be read from.',
    }),
  });
}
