import { type ErrorCode, isAppError } from '../contracts/errors.ts';
import type { Mailbox, MailboxListOptions, MailboxPutOptions } from '../mailbox/mailbox.ts';

/** Failures of the mailbox as a whole. Any other is of one message, and told by who asked. */
const ofTheWhole: readonly ErrorCode[] = ['unreachable', 'unauthenticated', 'not-found', 'disk-full'];

/** A full disk, or a key that may only read, lets one kind fail while the other works. */
type AskKind = 'read' | 'write';

/**
 * The daemon's mailbox: says once that it fails and once that it works again, however often it is asked meanwhile. What
 * asks tries again by itself.
 */
export class ReportedMailbox implements Mailbox {
  readonly #mailbox: Mailbox;
  readonly #onLine: (line: string) => void;
  readonly #abandoned = new AbortController();
  readonly #reported = new WeakSet<Error>();
  readonly #troubles = new Map<AskKind, ErrorCode>();

  constructor(mailbox: Mailbox, onLine: (line: string) => void) {
    this.#mailbox = mailbox;
    this.#onLine = onLine;
  }

  get pollMs(): number | undefined {
    return this.#mailbox.pollMs;
  }

  /** Whether it was told of this failure already. */
  hasReported(error: unknown): boolean {
    return error instanceof Error && this.#reported.has(error);
  }

  get isAbandoned(): boolean {
    return this.#abandoned.signal.aborted;
  }

  /** Nobody waits for an answer any more: whatever is asked now or is under way fails at once. */
  abandon(): void {
    this.#abandoned.abort();
  }

  put(key: string, text: string, options?: MailboxPutOptions): Promise<void> {
    return this.#ask('write', () => this.#mailbox.put(key, text, options));
  }

  get(key: string): Promise<string | undefined> {
    return this.#ask('read', () => this.#mailbox.get(key));
  }

  size(key: string): Promise<number | undefined> {
    return this.#ask('read', () => this.#mailbox.size(key));
  }

  list(prefix: string, options?: MailboxListOptions): Promise<string[]> {
    return this.#ask('read', () => this.#mailbox.list(prefix, options));
  }

  folders(prefix: string): Promise<string[]> {
    return this.#ask('read', () => this.#mailbox.folders(prefix));
  }

  delete(key: string): Promise<void> {
    return this.#ask('write', () => this.#mailbox.delete(key));
  }

  watch(prefix: string, signal: AbortSignal): AsyncIterable<void> {
    return this.#mailbox.watch(prefix, signal);
  }

  async #ask<T>(kind: AskKind, ask: () => Promise<T>): Promise<T> {
    const { signal } = this.#abandoned;
    signal.throwIfAborted();
    const abandonment = Promise.withResolvers<never>();
    const abandon = () => abandonment.reject(signal.reason);
    signal.addEventListener('abort', abandon);
    try {
      const answer = await Promise.race([ask(), abandonment.promise]);
      this.#works(kind);
      return answer;
    } catch (error) {
      if (!signal.aborted) this.#fails(kind, error);
      throw error;
    } finally {
      signal.removeEventListener('abort', abandon);
    }
  }

  #works(kind: AskKind): void {
    if (this.#troubles.delete(kind) && this.#troubles.size === 0) this.#onLine('the mailbox works again');
  }

  #fails(kind: AskKind, error: unknown): void {
    if (!isAppError(error) || !ofTheWhole.includes(error.code)) return;
    const isKnown = [...this.#troubles.values()].includes(error.code);
    if (!isKnown) this.#onLine(`the mailbox fails, trying again: ${error.message}`);
    this.#troubles.set(kind, error.code);
    this.#reported.add(error);
  }
}
