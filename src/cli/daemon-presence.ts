import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import type { Presence } from '../contracts/mailbox.ts';
import { isPresent } from '../orchestrator/presence.ts';
import type { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';
import { type Output, say } from './output.ts';

/** A daemon started in the background a moment ago gets this long to show itself. */
const startMs = 1_500;
const lookMs = 50;

const noDaemon = 'agora: no daemon is running here, so runs wait; start one with: agora orch serve';

/** Says on stderr that nothing executes runs at the moment, if that is so. Returns whether a daemon beats. */
export async function sayIfNoDaemon(transport: MailboxSubmissionTransport, stderr: Output): Promise<boolean> {
  if ((await presentDaemon(transport)) !== undefined) return true;
  await say(stderr, noDaemon);
  return false;
}

/** Looks again and again, but at the most once per beat of the daemon that is there: each look may be a request. */
export class DaemonLook {
  readonly #transport: MailboxSubmissionTransport;
  readonly #stderr: Output;
  #nextAtMs = 0;

  constructor(transport: MailboxSubmissionTransport, stderr: Output) {
    this.#transport = transport;
    this.#stderr = stderr;
  }

  /** Says once that there is none, if that is so. A mailbox that cannot be reached just now is not its affair. */
  async sayOnceIfNone(): Promise<void> {
    if (performance.now() < this.#nextAtMs) return;
    try {
      await this.#look();
    } catch (error) {
      if (!isAppError(error, 'unreachable')) throw error;
    }
  }

  async #look(): Promise<void> {
    const presence = await presentDaemon(this.#transport);
    this.#nextAtMs = presence === undefined ? Number.POSITIVE_INFINITY : performance.now() + presence.beatMs;
    if (presence === undefined) await say(this.#stderr, noDaemon);
  }
}

async function presentDaemon(transport: MailboxSubmissionTransport): Promise<Presence | undefined> {
  const present = async () => {
    const presence = await readablePresence(transport);
    return isPresent(presence, Date.now()) ? presence : undefined;
  };
  try {
    return await waitUntil('a daemon', present, { timeoutMs: startMs, intervalMs: lookMs });
  } catch (error) {
    if (isAppError(error, 'not-ready')) return undefined;
    throw error;
  }
}

/** A sign that cannot be read says nothing; the next beat of a daemon replaces it. */
async function readablePresence(transport: MailboxSubmissionTransport): Promise<Presence | undefined> {
  try {
    return await transport.presence();
  } catch (error) {
    if (isAppError(error, 'state-corrupt')) return undefined;
    throw error;
  }
}
