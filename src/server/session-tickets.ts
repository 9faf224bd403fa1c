import { randomBytes } from 'node:crypto';
import type { UserCaller } from './handler.ts';
import { digestOfToken } from './secret-token.ts';

interface Kept {
  readonly caller: UserCaller;
  readonly expiresAt: Date;
}

const lifeMs = 30_000;
/** Of one user at once: the oldest go first. A page needs one for each link. */
const mostOfUser = 64;

/** What lets a browser, which cannot send a header, open one link: for who asked for it, once, within 30 s. Only digests are kept. */
export class SessionTickets {
  readonly #now: () => Date;
  /** By digest, in the order they were made. */
  readonly #kept = new Map<string, Kept>();

  constructor(now: () => Date) {
    this.#now = now;
  }

  make(caller: UserCaller): { readonly ticket: string; readonly expiresAt: string } {
    this.#forget(caller.user.name);
    const ticket = randomBytes(32).toString('base64url');
    const expiresAt = new Date(this.#now().getTime() + lifeMs);
    this.#kept.set(digestOfToken(ticket), { caller, expiresAt });
    return { ticket, expiresAt: expiresAt.toISOString() };
  }

  /** Who it was made for; undefined where it is none, was used, or is too old. */
  take(ticket: string): UserCaller | undefined {
    const digest = digestOfToken(ticket);
    const kept = this.#kept.get(digest);
    this.#kept.delete(digest);
    return kept === undefined || kept.expiresAt <= this.#now() ? undefined : kept.caller;
  }

  #forget(user: string): void {
    const now = this.#now();
    for (const [digest, { expiresAt }] of this.#kept) {
      if (expiresAt > now) break;
      this.#kept.delete(digest);
    }
    const theirs = [...this.#kept].filter(([, { caller }]) => caller.user.name === user);
    for (const [digest] of theirs.slice(0, Math.max(0, theirs.length - mostOfUser + 1))) this.#kept.delete(digest);
  }
}
