import { hostname } from 'node:os';
import { sleep } from '../base/deadline.ts';
import type { DeploymentId } from '../contracts/ids.ts';
import { mailboxKeys, type Presence } from '../contracts/mailbox.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';

/** How often the daemon says it is there. */
const beatMs = 2_000;

/** A daemon is taken to be gone when it missed this many beats. */
const missedBeats = 3;

export function isPresent(presence: Presence | undefined, nowMs: number): boolean {
  // A beat from the future is one of before the clock was set back.
  return presence !== undefined && Math.abs(nowMs - Date.parse(presence.beatAt)) < presence.beatMs * missedBeats;
}

/** What a daemon says of its workers while it makes them ready, which may take an image build. */
export const notReadyYet = 'being prepared';

/** The daemon's sign in the mailbox: written again with each beat, so that one that stays away shows. */
export class PresenceSign {
  readonly #mailbox: Mailbox;
  readonly #deploymentId: DeploymentId;
  readonly #startedAt = new Date().toISOString();
  #compute = notReadyYet;

  constructor(mailbox: Mailbox, deploymentId: DeploymentId) {
    this.#mailbox = mailbox;
    this.#deploymentId = deploymentId;
  }

  /** Beats until aborted, then takes the sign down. */
  async beat(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#put();
      await sleep(beatMs, signal).catch(() => undefined);
    }
    await this.#mailbox.delete(mailboxKeys.daemon).catch(() => undefined);
  }

  /** Says where its workers run, at once. */
  async ready(compute: string): Promise<void> {
    this.#compute = compute;
    await this.#put();
  }

  /** A beat that cannot be written is tried again with the next. */
  async #put(): Promise<void> {
    const presence: Presence = {
      deploymentId: this.#deploymentId,
      pid: process.pid,
      host: hostname(),
      startedAt: this.#startedAt,
      beatAt: new Date().toISOString(),
      beatMs,
      compute: this.#compute,
    };
    await this.#mailbox.put(mailboxKeys.daemon, JSON.stringify(presence)).catch(() => undefined);
  }
}
