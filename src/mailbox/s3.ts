import type { GetObjectCommandInput, ListObjectsV2CommandOutput, S3Client } from '@aws-sdk/client-s3';
import { retry } from '../base/retry.ts';
import { AppError } from '../contracts/errors.ts';
import { type AskOptions, S3Bucket, s3Sdk } from '../s3/s3-bucket.ts';
import { isMissingObject } from '../s3/s3-errors.ts';
import type { S3Options } from '../s3/s3-options.ts';
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

/**
 * A mailbox in a bucket: a message is the object of its key. Any number of machines share it. It relies on nothing but
 * that what was put is read and listed at once; not on writes with conditions, which some services ignore.
 */
export class S3Mailbox implements Mailbox {
  readonly pollMs: number;
  readonly #bucket: S3Bucket;
  readonly #watches: PolledWatches;

  constructor({ pollSeconds = defaults.pollSeconds, ...options }: S3MailboxOptions) {
    if (!(pollSeconds >= 0.1 && pollSeconds <= 3_600)) {
      throw new AppError('invalid-input', `Cannot use pollSeconds "${pollSeconds}": it must be from 0.1 to 3600`);
    }
    this.pollMs = pollSeconds * 1_000;
    this.#bucket = new S3Bucket(options);
    this.#watches = new PolledWatches(this.pollMs);
  }

  async put(key: string, text: string): Promise<void> {
    const Key = this.#key(key);
    const Body = Buffer.from(text);
    if (Body.length > mostMessageBytes) throw tooLarge('write', key, Body.length);
    await this.#ask(`write message "${key}"`, async (client, options) => {
      const { PutObjectCommand } = await s3Sdk();
      const ContentType = 'application/json';
      await client.send(
        new PutObjectCommand({ ...this.#bucket.encryption, Bucket: this.#bucket.name, Key, Body, ContentType }),
        options,
      );
    });
    this.#watches.wasChanged(key);
  }

  async get(key: string): Promise<string | undefined> {
    const object = this.#object(key);
    const text = await this.#ask(`read message "${key}"`, (client, options) =>
      undefinedIfMissing(readText(client, object, options)),
    );
    if (text !== undefined) this.#watches.wasRead(key);
    return text;
  }

  async size(key: string): Promise<number | undefined> {
    const object = this.#object(key);
    return this.#ask(`look at message "${key}"`, async (client, options) => {
      const { HeadObjectCommand } = await s3Sdk();
      const found = await undefinedIfMissing(client.send(new HeadObjectCommand(object), options));
      return found?.ContentLength;
    });
  }

  async list(prefix: string, { after = '' }: MailboxListOptions = {}): Promise<string[]> {
    const keys: string[] = [];
    for await (const { Contents = [] } of this.#pages(prefix, { after })) {
      for (const { Key = '' } of Contents) keys.push(Key.slice(this.#bucket.prefix.length));
    }
    // Whatever else lies in the bucket is no message.
    return keys.filter((key) => key.split('/').every(isSegment) && key > after).sort();
  }

  async folders(prefix: string): Promise<string[]> {
    const start = this.#bucket.prefix.length + prefix.length;
    const names: string[] = [];
    for await (const { CommonPrefixes = [] } of this.#pages(prefix, { Delimiter: '/' })) {
      for (const { Prefix = '' } of CommonPrefixes) names.push(Prefix.slice(start, -1));
    }
    return names.filter(isSegment).sort();
  }

  async delete(key: string): Promise<void> {
    const object = this.#object(key);
    await this.#ask(`delete message "${key}"`, async (client, options) => {
      const { DeleteObjectCommand } = await s3Sdk();
      await undefinedIfMissing(client.send(new DeleteObjectCommand(object), options));
    });
    this.#watches.wasChanged(key);
  }

  watch(prefix: string, signal: AbortSignal): AsyncGenerator<void> {
    return this.#watches.watch(checkedPrefix(prefix), signal);
  }

  async *#pages(
    prefix: string,
    { after = '', ...more }: { readonly after?: string; readonly Delimiter?: string },
  ): AsyncGenerator<ListObjectsV2CommandOutput> {
    const input = {
      Bucket: this.#bucket.name,
      Prefix: `${this.#bucket.prefix}${checkedPrefix(prefix)}`,
      ...(after === '' ? {} : { StartAfter: `${this.#bucket.prefix}${after}` }),
      ...more,
    };
    let ContinuationToken: string | undefined;
    do {
      const page = await this.#ask(`list messages under "${prefix}"`, async (client, options) => {
        const { ListObjectsV2Command } = await s3Sdk();
        return client.send(new ListObjectsV2Command({ ...input, ContinuationToken }), options);
      });
      yield page;
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
  }

  #ask<T>(what: string, ask: (client: S3Client, options: AskOptions) => Promise<T>): Promise<T> {
    return this.#bucket.ask(what, ask);
  }

  #object(key: string) {
    return { Bucket: this.#bucket.name, Key: this.#key(key) };
  }

  #key(key: string): string {
    const whole = `${this.#bucket.prefix}${checkedKey(key)}`;
    if (whole.length <= mostKeyBytes) return whole;
    throw new AppError('invalid-input', `Cannot use mailbox key "${key}": with the prefix it is over ${mostKeyBytes}`);
  }
}

/** A body that ends before its time. The client asks again only until the answer has begun. */
class CutOff extends Error {}

function readText(client: S3Client, object: GetObjectCommandInput, options: AskOptions): Promise<string> {
  return retry(
    async () => {
      const { GetObjectCommand } = await s3Sdk();
      const { Body, ContentLength = 0 } = await client.send(new GetObjectCommand(object), options);
      if (ContentLength > mostMessageBytes) throw tooLarge('read', object.Key ?? '', ContentLength);
      try {
        return (await Body?.transformToString()) ?? '';
      } catch (cause) {
        throw new CutOff(cause instanceof Error ? cause.message : String(cause), { cause });
      }
    },
    { attempts: 5, signal: options.abortSignal, isRetryable: (error) => error instanceof CutOff },
  );
}

async function undefinedIfMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isMissingObject(error)) return undefined;
    throw error;
  }
}

function tooLarge(verb: string, key: string, sizeBytes: number): AppError {
  return new AppError(
    'limit-exceeded',
    `Cannot ${verb} message "${key}": it is ${sizeBytes} bytes, the limit is ${mostMessageBytes}`,
  );
}
