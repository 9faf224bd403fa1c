import { hostname } from 'node:os';
import { sleep } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import type { DeploymentId } from '../contracts/ids.ts';
import { mailboxKeys, type Presence, presenceSchema } from '../contracts/mailbox.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';

/** How often the daemon says it is there, at the most. */
const fastestBeatMs = 2_000;
/** Where a mailbox has to be asked for what is new, each request counts: one beat in this many looks. */
const looksPerBeat = 3;
/** How soon a beat that failed is tried again, at the latest. */
const longestRetryMs = 5_000;

/** A daemon is taken to be gone when it missed this many beats. */
export const missedBeats = 3;

export function isPresent(presence: Presence | undefined, nowMs: number): boolean {
  // A beat from the future is one of before the clock was set back.
  return presence !== undefined && Math.abs(nowMs - Date.parse(presence.beatAt)) < presence.beatMs * missedBeats;
}

/** What a daemon says of its workers while it makes them ready, which may take an image build. */
export const notReadyYet = 'being prepared';

/** Reads a sign; undefined for what is none, which the next beat of a daemon replaces. */
export function readSign(text: string | undefined): Presence | undefined {
  try {
    const parsed = presenceSchema.safeParse(JSON.parse(text ?? 'null'));
    return parsed.success ? parsed.data : undefined;
  } catch {
    // Not JSON: no sign either.
    return undefined;
  }
}

/** `process 7 on machine since …`. */
export function nameOfDaemon({ pid, host, startedAt }: Presence): string {
  return `process ${pid} on ${host} since ${startedAt}`;
}

/** The daemon's sign in the mailbox: written again with each beat, so that one that stays away shows. */
export class PresenceSign {
  readonly beatMs: number;
  readonly #mailbox: Mailbox;
  readonly #deploymentId: DeploymentId;
  readonly #startedAt = new Date().toISOString();
  #compute = notReadyYet;
  /** When the sign was last put up for others to see, by the wall clock, which goes on while a machine sleeps. */
  #heldAtMs = 0;
  /** The sign of another in place of this one, and since when it did not change. */
  #intruder: { readonly text: string; readonly sinceMs: number } | undefined;

  constructor(mailbox: Mailbox, deploymentId: DeploymentId) {
    this.#mailbox = mailbox;
    this.#deploymentId = deploymentId;
    this.beatMs = Math.max(fastestBeatMs, (mailbox.pollMs ?? 0) * looksPerBeat);
  }

  /** Whether nobody can have taken this daemon for gone, so that it may take what is in the mailbox. */
  isHeld(): boolean {
    return this.#intruder === undefined && Math.abs(Date.now() - this.#heldAtMs) < this.beatMs * missedBeats;
  }

  /** Beats until aborted, then takes the sign down. Rejects with `daemon-running` once another beats in its place. */
  async beat(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const isWell = await this.#lookAndPut().catch((error: unknown) => {
        if (error instanceof AppError && error.code === 'daemon-running') throw error;
        // Tried again soon; the mailbox's own trouble is told elsewhere.
        return false;
      });
      await sleep(isWell ? this.beatMs : Math.min(this.beatMs, longestRetryMs), signal).catch(() => undefined);
    }
    await this.#takeDown().catch(() => undefined);
  }

  /** Says where its workers run, at once. */
  async ready(compute: string): Promise<void> {
    this.#compute = compute;
    await this.#lookAndPut().catch(() => undefined);
  }

  /** Puts the sign up, whatever was there. */
  async put(): Promise<void> {
    const startedMs = Date.now();
    await this.#mailbox.put(mailboxKeys.daemon, this.text());
    this.#heldAtMs = startedMs;
  }

  text(): string {
    const presence: Presence = {
      deploymentId: this.#deploymentId,
      pid: process.pid,
      host: hostname(),
      startedAt: this.#startedAt,
      beatAt: new Date().toISOString(),
      beatMs: this.beatMs,
      compute: this.#compute,
    };
    return JSON.stringify(presence);
  }

  /** Whether the mailbox is this daemon's. A beat that cannot be written is tried again with the next. */
  async #lookAndPut(): Promise<boolean> {
    const text = await this.#mailbox.get(mailboxKeys.daemon);
    const seen = readSign(text);
    if (text !== undefined && seen !== undefined && !this.#isMine(seen) && !this.#isSilent(text, seen)) return false;
    this.#intruder = undefined;
    await this.put();
    return true;
  }

  /** Whether the other's sign stayed as it is for so long that it is one of the past. */
  #isSilent(text: string, seen: Presence): boolean {
    const nowMs = performance.now();
    this.#intruder ??= { text, sinceMs: nowMs };
    if (this.#intruder.text === text) return nowMs - this.#intruder.sinceMs >= seen.beatMs * missedBeats;
    throw new AppError('daemon-running', `Cannot go on: another daemon took this mailbox over: ${nameOfDaemon(seen)}`, {
      next: 'Leave it to that daemon, or stop it and start this one again.',
    });
  }

  #isMine({ deploymentId, pid, host, startedAt }: Presence): boolean {
    const isOfThisProcess = pid === process.pid && host === hostname() && startedAt === this.#startedAt;
    return isOfThisProcess && deploymentId === this.#deploymentId;
  }

  async #takeDown(): Promise<void> {
    const seen = readSign(await this.#mailbox.get(mailboxKeys.daemon));
    if (seen === undefined || this.#isMine(seen)) await this.#mailbox.delete(mailboxKeys.daemon);
  }
}
