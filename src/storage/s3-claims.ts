import { randomUUID } from 'node:crypto';
import type { PutObjectCommandInput, S3Client } from '@aws-sdk/client-s3';
import { sleep } from '../base/deadline.ts';
import { retryDelayMs } from '../base/retry.ts';
import { AppError } from '../contracts/errors.ts';
import { type AskOptions, type S3Bucket, s3Sdk } from '../s3/s3-bucket.ts';
import { statusOf } from '../s3/s3-errors.ts';

/** From the claim on; whoever needs longer gives up, and its claim stays until it is stale. */
const holdMs = 30_000;
/** By the clock of the service. Longer than anything sent within `holdMs` can be under way. */
const staleMs = 120_000;
const patienceMs = 60_000;
const backoff = { delayMs: 40, maxDelayMs: 2_000, jitter: 0.8 } as const;
/** How often the first of those that contend looks whether the others withdrew. */
const mostLooks = 5;

/** In the metadata of an object: the claim it was made under. */
const claimField = 'agora-claim';

/** What is to be made, and where. */
export type Wish = PutObjectCommandInput & { readonly Bucket: string; readonly Key: string };

type Verdict = 'made' | 'there' | 'contended';

/**
 * Makes an object that is not there yet, of several at once exactly one, in services that put unconditionally as well.
 * Who wants to make it writes a claim beside it, and makes it only if it then sees no other claim and no object: of two,
 * the later one to look sees what the earlier one wrote. See docs/decisions/013-names-in-s3.md.
 */
export class S3Claims {
  readonly #bucket: S3Bucket;

  constructor(bucket: S3Bucket) {
    this.#bucket = bucket;
  }

  /** False when it is there. `unreachable` when others claim it without making it. */
  async create(wish: Wish, title: string): Promise<boolean> {
    const endsAt = performance.now() + patienceMs;
    for (let round = 1; performance.now() < endsAt; round++) {
      if ((await this.#head(wish)) !== undefined) return false;
      const verdict = await this.#tryToMake(wish, title);
      if (verdict !== 'contended') return verdict === 'made';
      await sleep(retryDelayMs(round, backoff));
    }
    throw new AppError('unreachable', `Cannot make ${title} in ${this.#bucket.place}: others are about to`, {
      next: `Try again in ${staleMs / 60_000} minutes: a process that was killed at it leaves its claim for that long.`,
    });
  }

  async #tryToMake(wish: Wish, title: string): Promise<Verdict> {
    const id = randomUUID();
    // Of the day: a machine that slept meanwhile has lost its claim too.
    const endsAt = Date.now() + holdMs;
    await this.#claim(wish, id);
    // If making it fails nobody knows whether it will come: then the claim stays and keeps others away meanwhile.
    const verdict = (await this.#isAlone(wish, id))
      ? await this.#makeUnlessThere(wish, { id, title, endsAt })
      : 'contended';
    // What stays of it goes stale.
    await this.#withdraw(wish, id).catch(() => undefined);
    return verdict;
  }

  /** The first of those that contend waits for the others, which withdraw. */
  async #isAlone(wish: Wish, id: string): Promise<boolean> {
    for (let look = 1; look <= mostLooks; look++) {
      const others = await this.#others(wish, id);
      if (others.length === 0) return true;
      if (others.some((other) => other < id)) return false;
      await sleep(retryDelayMs(look, backoff));
    }
    return false;
  }

  async #makeUnlessThere(
    wish: Wish,
    { id, title, endsAt }: { readonly id: string; readonly title: string; readonly endsAt: number },
  ): Promise<Verdict> {
    if ((await this.#head(wish)) !== undefined) return 'there';
    const timeoutMs = endsAt - Date.now();
    if (timeoutMs <= 0) return 'contended';
    const named = { ...wish, Metadata: { ...wish.Metadata, [claimField]: id } };
    return this.#bucket.ask(`make ${title}`, (client, options) => this.#put(client, named, options), { timeoutMs });
  }

  /** Services that heed the condition guard also against a process that stood still between its last look and this. */
  async #put(client: S3Client, wish: Wish, options: AskOptions): Promise<Verdict> {
    const { PutObjectCommand } = await s3Sdk();
    try {
      await client.send(new PutObjectCommand({ ...wish, IfNoneMatch: '*' }), options);
      return 'made';
    } catch (cause) {
      const status = statusOf(cause);
      if (status === 409) return 'contended';
      if (status === 412) {
        // A try before this one may have made it, whose answer was lost.
        const found = await this.#head(wish);
        return found?.Metadata?.[claimField] === wish.Metadata?.[claimField] ? 'made' : 'there';
      }
      if (status !== 501) throw cause;
    }
    await client.send(new PutObjectCommand(wish), options);
    return 'made';
  }

  /** Claims beside one's own; what processes left that are gone is removed. */
  async #others(wish: Wish, own: string): Promise<readonly string[]> {
    const { ListObjectsV2Command } = await s3Sdk();
    const Prefix = claimsOf(wish);
    const listing = new ListObjectsV2Command({ Bucket: wish.Bucket, Prefix });
    const page = await this.#bucket.ask('look for claims', (client, options) => client.send(listing, options));
    const writtenAt = new Map<string, number>();
    for (const { Key = '', LastModified } of page.Contents ?? [])
      writtenAt.set(Key.slice(Prefix.length), LastModified?.getTime() ?? 0);
    // Written a moment ago by the same clock.
    const now = writtenAt.get(own);
    if (now === undefined) throw this.#lostClaim();
    const isStale = (id: string) => now - (writtenAt.get(id) ?? 0) > staleMs;
    for (const id of [...writtenAt.keys()].filter(isStale)) await this.#withdraw(wish, id);
    return [...writtenAt.keys()].filter((id) => id !== own && !isStale(id));
  }

  #lostClaim(): AppError {
    return new AppError('unreachable', `Cannot rely on ${this.#bucket.place}: what was written is not listed`, {
      next: 'Use a service that lists at once what was written.',
    });
  }

  async #head({ Bucket, Key }: Wish) {
    const { HeadObjectCommand } = await s3Sdk();
    const wish = new HeadObjectCommand({ Bucket, Key });
    return this.#bucket.askForObject('look for a name', (client, options) => client.send(wish, options));
  }

  async #claim(wish: Wish, id: string): Promise<void> {
    const { PutObjectCommand } = await s3Sdk();
    const claim = { Bucket: wish.Bucket, Key: claimsOf(wish) + id, Body: Buffer.alloc(0), ...this.#bucket.encryption };
    await this.#bucket.ask('put a claim', (client, options) => client.send(new PutObjectCommand(claim), options));
  }

  async #withdraw(wish: Wish, id: string): Promise<void> {
    const { DeleteObjectCommand } = await s3Sdk();
    const claim = new DeleteObjectCommand({ Bucket: wish.Bucket, Key: claimsOf(wish) + id });
    await this.#bucket.ask('remove a claim', (client, options) => client.send(claim, options));
  }
}

function claimsOf({ Key }: Wish): string {
  return `${Key.replace(/\.json$/, '')}.claims/`;
}
