import { type ErrorCode, isAppError } from '../contracts/errors.ts';
import type { Mailbox, MailboxListOptions, MailboxPutOptions } from '../mailbox/mailbox.ts';

/** A mailbox that can say so much of one message works. */
const ofOneMessage: readonly ErrorCode[] = ['invalid-input', 'limit-exceeded', 'artifact-mismatch'];

/**
 * The daemon's mailbox: says once that it fails and once that it works again, however often it is asked meanwhile. What
 * asks tries again by itself.
 */
export class ReportedMailbox implements Mailbox {
  readonly #mailbox: Mailbox;
  readonly #onLine: (line: string) => void;
  readonly #abandoned = new AbortController();
  readonly #reported = new WeakSet<Error>();
  /** What was said last; undefined while it works. */
  #trouble: string | undefined;

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
    return this.#ask(() => this.#mailbox.put(key, text, options));
  }

  get(key: string): Promise<string | undefined> {
    return this.#ask(() => this.#mailbox.get(key));
  }

  size(key: string): Promise<number | undefined> {
    return this.#ask(() => this.#mailbox.size(key));
  }

  list(prefix: string, options?: MailboxListOptions): Promise<string[]> {
    return this.#ask(() => this.#mailbox.list(prefix, options));
  }

  folders(prefix: string): Promise<string[]> {
    return this.#ask(() => this.#mailbox.folders(prefix));
  }

  delete(key: string): Promise<void> {
    return this.#ask(() => this.#mailbox.delete(key));
  }

  watch(prefix: string, signal: AbortSignal): AsyncIterable<void> {
    return this.#mailbox.watch(prefix, signal);
  }

  async #ask<T>(ask: () => Promise<T>): Promise<T> {
    const { signal } = this.#abandoned;
    signal.throwIfAborted();
    const abandonment = Promise.withResolvers<never>();
    const abandon = () => abandonment.reject(signal.reason);
    signal.addEventListener('abort', abandon);
    try {
      const answer = await Promise.race([ask(), abandonment.promise]);
      this.#works();
      return answer;
    } catch (error) {
      if (!signal.aborted) this.#fails(error);
      throw error;
    } finally {
      signal.removeEventListener('abort', abandon);
    }
  }

  #works(): void {
    if (this.#trouble !== undefined) this.#onLine('the mailbox works again');
    this.#trouble = undefined;
  }

  #fails(error: unknown): void {
    if (isAppError(error) && ofOneMessage.includes(error.code)) return;
    const trouble = isAppError(error) ? error.code : 'unknown';
    if (this.#trouble !== trouble) {
      this.#onLine(`the mailbox fails, trying again: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#trouble = trouble;
    if (error instanceof Error) this.#reported.add(error);
  }
}
