import { randomBytes } from 'node:crypto';
import { digestOfToken } from './secret-token.ts';
import type { WebPlace } from './web-proxy-address.ts';

/** What a browser was let in for: one place, by one token. */
export interface WebSession {
  readonly place: WebPlace;
  readonly tokenId: string;
}

interface Kept extends WebSession {
  readonly endsAt: number;
  usedAt: number;
}

const ticketMs = 60_000;
const wholeMs = 12 * 3_600_000;
const idleMs = 3_600_000;
/** Of one token, the oldest goes first. */
const mostPerToken = 100;
const mostInAll = 10_000;

/**
 * Tickets, each of which opens one session, and sessions: in memory, by the sha256 of their secret. Whether the token is still good is for
 * who asks. A ticket says for which place it is, unlike one that opens links: whatever becomes of an address, it opens nothing else.
 */
export class WebSessions {
  readonly #now: () => Date;
  readonly #tickets = new Map<string, Kept>();
  /** The one that was opened last is the last. */
  readonly #sessions = new Map<string, Kept>();

  constructor(now: () => Date) {
    this.#now = now;
  }

  createTicket(session: WebSession): { readonly ticket: string; readonly expiresAt: string } {
    const endsAt = this.#now().getTime() + ticketMs;
    return { ticket: this.#keep(this.#tickets, session, endsAt), expiresAt: new Date(endsAt).toISOString() };
  }

  /** The secret of a new session, once for each ticket; undefined for one that is none, or is not for this place. */
  redeem(ticket: string, isFor: (place: WebPlace) => boolean): string | undefined {
    const key = digestOfToken(ticket);
    const session = this.#valid(this.#tickets, key);
    this.#tickets.delete(key);
    if (session === undefined || !isFor(session.place)) return undefined;
    return this.#keep(this.#sessions, session, this.#now().getTime() + wholeMs);
  }

  /** The session of a secret; undefined once it is over. It counts as used. */
  find(secret: string): WebSession | undefined {
    const session = this.#valid(this.#sessions, digestOfToken(secret));
    if (session !== undefined) session.usedAt = this.#now().getTime();
    return session;
  }

  #keep(among: Map<string, Kept>, { place, tokenId }: WebSession, endsAt: number): string {
    this.#makeRoom(among, tokenId);
    const secret = randomBytes(32).toString('base64url');
    among.set(digestOfToken(secret), { place, tokenId, endsAt, usedAt: this.#now().getTime() });
    return secret;
  }

  #valid(among: Map<string, Kept>, key: string): Kept | undefined {
    const kept = among.get(key);
    if (kept === undefined || this.#isValid(kept)) return kept;
    among.delete(key);
    return undefined;
  }

  #isValid({ endsAt, usedAt }: Kept): boolean {
    const now = this.#now().getTime();
    return now < endsAt && now - usedAt < idleMs;
  }

  #makeRoom(among: Map<string, Kept>, tokenId: string): void {
    for (const [key, kept] of among) if (!this.#isValid(kept)) among.delete(key);
    const ofToken = [...among].filter(([, kept]) => kept.tokenId === tokenId);
    const [oldest] = ofToken.length >= mostPerToken ? ofToken : among.size >= mostInAll ? among : [];
    if (oldest !== undefined) among.delete(oldest[0]);
  }
}
