import { AppError, isAppError } from '../contracts/errors.ts';
import { pollMsOf } from '../s3/poll-interval.ts';
import { S3Bucket, s3Sdk } from '../s3/s3-bucket.ts';
import { type Listing, listAll } from '../s3/s3-listing.ts';
import type { S3Options } from '../s3/s3-options.ts';
import { graceMs, leastBytesPerMs, patienceMsFor } from '../s3/s3-patience.ts';
import { readText, textContent } from '../s3/s3-text.ts';
import { checkedKey, checkedPrefix, isSegment } from './checked-key.ts';
import type { Mailbox, MailboxListOptions } from './mailbox.ts';
import { PolledWatches } from './polled-watches.ts';

export interface S3MailboxOptions extends S3Options {
  /**
   * Longest wait between two looks for messages of others, 0.1 to 3600. It is shorter while something happens, down to a
   * second. Default: 10.
   */
  readonly pollSeconds?: number;
}

const defaults = { pollSeconds: 10 } satisfies Partial<S3MailboxOptions>;

/** Longest key of S3. */
const mostKeyBytes = 1_024;
/** A bundle is text in one piece; Node makes none longer than this. */
const mostMessageBytes = 512 * 1024 * 1024;
/** A shorter one has come in the while that is everybody's, unless something is wrong. */
const quickBytes = graceMs * leastBytesPerMs;

/**
 * A mailbox in a bucket: a message is the object of its key. Any number of machines share it. It relies on nothing but
 * that what was put is read and listed at once; not on writes with conditions, which some services ignore.
 */
export class S3Mailbox implements Mailbox {
  readonly pollMs: number;
  readonly #bucket: S3Bucket;
  readonly #watches: PolledWatches;

  constructor({ pollSeconds = defaults.pollSeconds, ...options }: S3MailboxOptions) {
    this.pollMs = pollMsOf(pollSeconds);
    this.#bucket = new S3Bucket(options);
    this.#watches = new PolledWatches(this.pollMs);
  }

  async put(key: string, text: string): Promise<void> {
    const content = { ...this.#at(key), ...textContent(text), ...this.#bucket.encryption };
    const { length } = content.Body;
    if (length > mostMessageBytes) {
      const state = `it is ${length} bytes, the limit is ${mostMessageBytes}`;
      throw new AppError('limit-exceeded', `Cannot write message "${key}": ${state}`);
    }
    const { PutObjectCommand } = await s3Sdk();
    await letIn(
      this.#bucket.ask(
        `write message "${key}"`,
        (client, options) => client.send(new PutObjectCommand(content), options),
        { timeoutMs: patienceMsFor(length) },
      ),
    );
    this.#watches.wasChanged(key);
  }

  async get(key: string): Promise<string | undefined> {
    const text = await this.#read(key, 0).catch((error: unknown) => this.#readSlowly(key, error));
    if (text !== undefined) this.#watches.wasRead(key);
    return text;
  }

  #read(key: string, sizeBytes: number): Promise<string | undefined> {
    const title = `message "${key}"`;
    const object = { at: this.#at(key), title: `${title} in ${this.#bucket.place}`, mostBytes: mostMessageBytes };
    return letIn(
      this.#bucket.askForObject(`read ${title}`, (client, options) => readText(client, object, options), {
        timeoutMs: patienceMsFor(sizeBytes),
      }),
    );
  }

  /** Only what did not come in time is asked for its size: messages are small, and each question costs. */
  async #readSlowly(key: string, failure: unknown): Promise<string | undefined> {
    if (!isAppError(failure, 'unreachable')) throw failure;
    const sizeBytes = (await this.size(key).catch(() => undefined)) ?? 0;
    if (sizeBytes <= quickBytes) throw failure;
    return this.#read(key, sizeBytes);
  }

  async size(key: string): Promise<number | undefined> {
    const found = await letIn(this.#bucket.head(`look at message "${key}"`, this.#at(key)));
    return found?.ContentLength;
  }

  async list(prefix: string, { after = '' }: MailboxListOptions = {}): Promise<string[]> {
    const start = this.#bucket.prefix;
    const { keys } = await this.#listed(prefix, after === '' ? {} : { StartAfter: `${start}${after}` });
    // Whatever else lies in the bucket is no message.
    return keys
      .map((key) => key.slice(start.length))
      .filter((key) => key.split('/').every(isSegment) && key > after)
      .sort();
  }

  async folders(prefix: string): Promise<string[]> {
    const start = this.#bucket.prefix.length + prefix.length;
    const { folders } = await this.#listed(prefix, { Delimiter: '/' });
    return folders
      .map((folder) => folder.slice(start, -1))
      .filter(isSegment)
      .sort();
  }

  async delete(key: string): Promise<void> {
    const at = this.#at(key);
    const { DeleteObjectCommand } = await s3Sdk();
    await letIn(
      this.#bucket.ask(`delete message "${key}"`, (client, options) =>
        client.send(new DeleteObjectCommand(at), options),
      ),
    );
    this.#watches.wasChanged(key);
  }

  watch(prefix: string, signal: AbortSignal): AsyncGenerator<void> {
    return this.#watches.watch(checkedPrefix(prefix), signal);
  }

  async #listed(prefix: string, more: { readonly StartAfter?: string; readonly Delimiter?: string }): Promise<Listing> {
    const Prefix = `${this.#bucket.prefix}${checkedPrefix(prefix)}`;
    return letIn(listAll(this.#bucket, `list messages under "${prefix}"`, { Prefix, ...more }));
  }

  #at(key: string): { readonly Bucket: string; readonly Key: string } {
    const Key = `${this.#bucket.prefix}${checkedKey(key)}`;
    if (Key.length <= mostKeyBytes) return { Bucket: this.#bucket.name, Key };
    throw new AppError('invalid-input', `Cannot use mailbox key "${key}": with the prefix it is over ${mostKeyBytes}`);
  }
}

/** Who is not let in got no answer: a command must not end as one whose run failed. */
async function letIn<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (!isAppError(error, 'refused')) throw error;
    const next = error.next === undefined ? {} : { next: error.next };
    throw new AppError('unauthenticated', error.message, { ...next, cause: error.cause });
  }
}
