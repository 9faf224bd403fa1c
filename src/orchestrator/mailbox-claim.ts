import { randomUUID } from 'node:crypto';
import { sleep } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import type { DeploymentId } from '../contracts/ids.ts';
import { mailboxKeys, type Presence } from '../contracts/mailbox.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import { missedBeats, nameOfDaemon, type PresenceSign, readSign } from './presence.ts';

/** How long until others are looked at again. */
const lookMs = 1_000;

/** Another daemon of other state that serves this mailbox or is about to. */
export interface Rival {
  /** Of its message: its sign, or what a daemon puts that is about to serve. */
  readonly key: string;
  readonly presence: Presence;
  /** Whether its message was seen to change: it lives. */
  readonly hasBeaten: boolean;
  /** How long its message stayed as it is. */
  readonly silentMs: number;
}

export type ClaimStep =
  | { readonly kind: 'take' | 'wait' | 'withdraw' }
  | { readonly kind: 'leave'; readonly to: Presence };

/**
 * What a daemon does that wants a mailbox, given what it saw after its own claim was there for all to see. Of two that
 * see each other's claim the one whose key is smaller stays; so it never comes to conditions of a write, nor to clocks.
 */
export function claimStep(rivals: readonly Rival[], ownKey: string): ClaimStep {
  const living = rivals.filter((rival) => !isSilent(rival));
  const serving = living.find(({ key, hasBeaten }) => key === mailboxKeys.daemon && hasBeaten);
  if (serving !== undefined) return { kind: 'leave', to: serving.presence };
  if (living.length === 0) return { kind: 'take' };
  const isLater = living.some(({ key }) => key !== mailboxKeys.daemon && key < ownKey);
  return { kind: isLater ? 'withdraw' : 'wait' };
}

function isSilent({ presence, silentMs }: Rival): boolean {
  return silentMs >= presence.beatMs * missedBeats;
}

export interface ClaimOptions {
  readonly mailbox: Mailbox;
  readonly sign: PresenceSign;
  readonly deploymentId: DeploymentId;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
}

/**
 * Puts the daemon's sign up once no daemon of other state serves this mailbox; `daemon-running` if one does. Daemons of
 * the same state exclude each other by the lock of their folder, so what an earlier one of them left is of the past.
 */
export async function claimMailbox(options: ClaimOptions): Promise<void> {
  const { mailbox, sign, signal } = options;
  const ownKey = mailboxKeys.startingDaemon(randomUUID());
  const claim = () => mailbox.put(ownKey, sign.text());
  const lookout = new RivalLookout(options, ownKey);
  try {
    await claim();
    for (let isClaimed = true; ; ) {
      signal.throwIfAborted();
      const rivals = await lookout.look();
      const step = claimStep(rivals, ownKey);
      if (step.kind === 'leave') throw otherServes(step.to);
      if (step.kind === 'take' && isClaimed) {
        await sign.put();
        await clearAway(mailbox, rivals);
        return;
      }
      if (step.kind === 'withdraw') await mailbox.delete(ownKey);
      else await claim();
      isClaimed = step.kind !== 'withdraw';
      if (step.kind !== 'take') await sleep(lookMs, signal);
    }
  } finally {
    // What is left of it would be waited for by others for three beats, and by nobody of this state.
    await mailbox.delete(ownKey).catch(() => undefined);
  }
}

/** Claims nobody renewed are of daemons that were killed: the next that starts need not wait for them again. */
async function clearAway(mailbox: Mailbox, rivals: readonly Rival[]): Promise<void> {
  for (const { key } of rivals.filter(isSilent)) {
    if (key !== mailboxKeys.daemon) await mailbox.delete(key).catch(() => undefined); // Left for the next.
  }
}

/** Sees which daemons there are, and remembers since when each said nothing new. */
class RivalLookout {
  readonly #options: ClaimOptions;
  readonly #ownKey: string;
  readonly #heard = new Map<string, { readonly text: string; readonly sinceMs: number; readonly hasBeaten: boolean }>();
  #hasSaid = false;

  constructor(options: ClaimOptions, ownKey: string) {
    this.#options = options;
    this.#ownKey = ownKey;
  }

  async look(): Promise<Rival[]> {
    const { mailbox } = this.#options;
    // The sign is read last: a daemon puts it up before it takes its claim away.
    const keys = (await mailbox.list(mailboxKeys.starting)).filter((key) => key !== this.#ownKey);
    const rivals: Rival[] = [];
    for (const key of [...keys, mailboxKeys.daemon]) {
      const rival = await this.#rivalAt(key);
      if (rival !== undefined) rivals.push(rival);
    }
    this.#say(rivals);
    return rivals;
  }

  async #rivalAt(key: string): Promise<Rival | undefined> {
    const { mailbox, deploymentId } = this.#options;
    const text = await mailbox.get(key);
    if (text === undefined) return undefined;
    const presence = readSign(text);
    if (presence === undefined || presence.deploymentId === deploymentId) {
      if (key !== mailboxKeys.daemon) await mailbox.delete(key);
      return undefined;
    }
    const nowMs = performance.now();
    const before = this.#heard.get(key);
    const heard = before?.text === text ? before : { text, sinceMs: nowMs, hasBeaten: before !== undefined };
    this.#heard.set(key, heard);
    return { key, presence, hasBeaten: heard.hasBeaten, silentMs: nowMs - heard.sinceMs };
  }

  #say(rivals: readonly Rival[]): void {
    const [first] = rivals;
    if (first === undefined || this.#hasSaid) return;
    this.#hasSaid = true;
    const { presence } = first;
    const waitSeconds = Math.ceil((presence.beatMs * missedBeats) / 1_000);
    this.#options.onLine(
      `another daemon has this mailbox, ${nameOfDaemon(presence)}, last heard of at ${presence.beatAt}; ` +
        `looking for up to ${waitSeconds} s whether it still lives`,
    );
  }
}

function otherServes(presence: Presence): AppError {
  return new AppError('daemon-running', `Cannot serve: another daemon has this mailbox: ${nameOfDaemon(presence)}`, {
    next: 'Use that daemon, stop it first, or give this one a mailbox of its own (another prefix)',
  });
}
