/**
 * Small messages by key, how clients and the daemon talk. A put is atomic: a reader sees the old bytes, the new or
 * none. Keys are `/`-separated segments of `[A-Za-z0-9._-]`, no segment `.` or `..`; others raise `invalid-input`.
 * Safe with several processes. Failures raised: `disk-full`, `unreachable`, `unauthenticated`, `not-found` (where the
 * mailbox should be), `artifact-mismatch` (bytes changed since), `invalid-input`, `limit-exceeded`.
 */
export interface Mailbox {
  /** How long messages of others may go unnoticed where a mailbox has to be asked for them; absent where it tells. */
  readonly pollMs?: number | undefined;
  put(key: string, text: string, options?: MailboxPutOptions): Promise<void>;
  get(key: string): Promise<string | undefined>;
  /** Bytes a message holds, or undefined when it is not there; so a reader can refuse a huge one unread. */
  size(key: string): Promise<number | undefined>;
  /** Keys that start with `prefix` (a folder, ending in `/`), sorted, those after `after` if given. */
  list(prefix: string, options?: MailboxListOptions): Promise<string[]>;
  /** Names of the folders right under `prefix`, sorted. */
  folders(prefix: string): Promise<string[]>;
  /** Fine if it is not there. */
  delete(key: string): Promise<void>;
  /** Yields once at the start and then whenever something under `prefix` may have changed, until aborted. */
  watch(prefix: string, signal: AbortSignal): AsyncIterable<void>;
}

export interface MailboxPutOptions {
  /** Wait until it would survive a power cut. Default: false. */
  readonly durable?: boolean;
}

export interface MailboxListOptions {
  readonly after?: string;
}
