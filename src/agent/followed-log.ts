import { sleep } from '../base/deadline.ts';
import { type Backoff, retryDelayMs } from '../base/retry.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import type { HostLogRequest, SessionBytes } from '../engine/host-sessions.ts';
import { LogPosition } from '../engine/log-position.ts';
import type { SourcePlace } from './session-sources.ts';
import { containerOf, isDeclared } from './workspace-container.ts';

export interface FollowedLogOptions extends Omit<HostLogRequest, 'position'> {
  readonly workspace: string;
  readonly place: SourcePlace;
}

/** Between two looks for what comes after a container that ended. */
const backoff: Backoff = { delayMs: 100, maxDelayMs: 1_000 };

/** One container, in one of its lives. */
type Read = Pick<ObservedContainer, 'id' | 'startedAt' | 'status'>;

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
    const { follow, signal } = this.#options;
    let { since, tail } = this.#options;
    for (let current: Read | undefined = first; current !== undefined; ) {
      yield* this.#readOnce(current, { since, tail });
      if (!follow || signal.aborted) return;
      const next: Read | undefined = await this.#after(current);
      if (next !== undefined && next.id !== current.id) {
        this.onNotice(
          `an update replaced the container of "${this.#options.workspace}"; its log goes on with the new one`,
        );
        this.#position = new LogPosition();
        [since, tail] = [undefined, undefined];
      }
      current = next;
    }
  }

  /** To its end, or to where it broke off. */
  async *#readOnce({ id }: Read, from: Pick<HostLogRequest, 'since' | 'tail'>): AsyncGenerator<SessionBytes> {
    const { follow, timestamps, signal, place, workspace } = this.#options;
    const position = follow ? this.#position : undefined;
    try {
      yield* place.sessions.readLog(id, { ...from, follow, timestamps, signal, position });
    } catch (error) {
      if (signal.aborted) return;
      const comesBack = follow && (isAppError(error, 'unreachable') || isAppError(error, 'not-found'));
      if (!comesBack) throw isAppError(error) ? inWords(error, { id, workspace }) : error;
    }
  }

  /** What is to be read next: the same container in another life of its own, or another; undefined where nothing comes any more. */
  async #after(read: Read): Promise<Read | undefined> {
    const { place, workspace, signal } = this.#options;
    for (let looks = 1; ; looks += 1) {
      await sleep(retryDelayMs(Math.min(looks, 10), backoff), signal).catch(() => undefined);
      if (signal.aborted) return undefined;
      const seen = await place.look(signal).catch(() => undefined);
      if (seen === undefined) continue; // The engine is away.
      const found = containerOf(seen, workspace);
      if (found === undefined && !isDeclared(seen, workspace)) return undefined;
      const isOther = found?.id !== read.id || found.startedAt !== read.startedAt || found.status === 'running';
      if (found !== undefined && isOther) return found;
    }
  }
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
