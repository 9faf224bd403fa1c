import { randomUUID } from 'node:crypto';
import type { PutObjectCommandInput, S3Client } from '@aws-sdk/client-s3';
import { sleep } from '../base/deadline.ts';
import { retryDelayMs } from '../base/retry.ts';
import { failureStatus } from '../base/sdk-failure.ts';
import { AppError } from '../contracts/errors.ts';
import { type AskOptions, type S3Bucket, s3Sdk } from '../s3/s3-bucket.ts';

/** From the claim on; whoever needs longer gives up, and its claim stays until it is stale. */
const holdMs = 30_000;
/** By the clock of the service. Longer than anything sent within `holdMs` can be under way. */
const staleMs = 120_000;
const patienceMs = 60_000;
/** What is not withdrawn goes stale. */
const withdrawMs = 10_000;
const backoff = { delayMs: 40, maxDelayMs: 2_000, jitter: 0.8 } as const;
/** How often the first of those that contend looks whether the others withdrew. */
const mostLooks = 5;

/** In the metadata of an object: the claim it was made under. */
const claimField = 'agora-claim';

/** What is to be made, and where. */
export type Wish = PutObjectCommandInput & { readonly Bucket: string; readonly Key: string };

type Verdict = 'made' | 'there' | 'contended';

interface Claim {
  readonly wish: Wish;
  readonly id: string;
  /** For people: what is to be made. */
  readonly title: string;
  /** Of the day: a machine that slept meanwhile has lost its claim too. */
  readonly endsAt: number;
}

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
      if ((await this.#head(wish, title)) !== undefined) return false;
      const verdict = await this.#tryToMake({ wish, title, id: randomUUID(), endsAt: Date.now() + holdMs });
      if (verdict !== 'contended') return verdict === 'made';
      await sleep(retryDelayMs(round, backoff));
    }
    throw new AppError('unreachable', `Cannot make ${title} in ${this.#bucket.place}: others are about to`, {
      next: `Try again in ${staleMs / 60_000} minutes: a process that was killed at it leaves its claim for that long.`,
    });
  }

  async #tryToMake(claim: Claim): Promise<Verdict> {
    const found = await this.#look(claim).catch(async (error: unknown) => {
      await this.#giveUp(claim);
      throw error;
    });
    // If making it fails nobody knows whether it will come: then the claim stays and keeps others away meanwhile.
    const verdict = found === 'nothing' ? await this.#make(claim) : found;
    await this.#giveUp(claim);
    return verdict;
  }

  /** What stands in the way, once the claim is there. */
  async #look(claim: Claim): Promise<'nothing' | 'there' | 'contended'> {
    await this.#put(claim);
    if (!(await this.#isAlone(claim))) return 'contended';
    return (await this.#head(claim.wish, claim.title)) === undefined ? 'nothing' : 'there';
  }

  /** The first of those that contend waits for the others, which withdraw. */
  async #isAlone(claim: Claim): Promise<boolean> {
    for (let look = 1; look <= mostLooks; look++) {
      const others = await this.#others(claim);
      if (others === undefined) return false;
      if (others.length === 0) return true;
      if (others.some((other) => other < claim.id)) return false;
      await sleep(retryDelayMs(look, backoff));
    }
    return false;
  }

  async #make({ wish, id, title, endsAt }: Claim): Promise<Verdict> {
    const timeoutMs = endsAt - Date.now();
    if (timeoutMs <= 0) return 'contended';
    const named = { ...wish, Metadata: { ...wish.Metadata, [claimField]: id } };
    const make = (client: S3Client, options: AskOptions) => this.#putWish(client, { wish: named, title, options });
    return this.#bucket.ask(`make ${title}`, make, { timeoutMs });
  }

  /** Services that heed the condition guard also against a process that stood still between its last look and this. */
  async #putWish(
    client: S3Client,
    { wish, title, options }: { readonly wish: Wish; readonly title: string; readonly options: AskOptions },
  ): Promise<Verdict> {
    const { PutObjectCommand } = await s3Sdk();
    try {
      await client.send(new PutObjectCommand({ ...wish, IfNoneMatch: '*' }), options);
      return 'made';
    } catch (cause) {
      const status = failureStatus(cause);
      if (status === 409) return 'contended';
      if (status === 412) {
        // A try before this one may have made it, whose answer was lost.
        const found = await this.#head(wish, title);
        return found?.Metadata?.[claimField] === wish.Metadata?.[claimField] ? 'made' : 'there';
      }
      if (status !== 501) throw cause;
    }
    await client.send(new PutObjectCommand(wish), options);
    return 'made';
  }

  /** Claims beside one's own, undefined when that was taken for stale; what processes left that are gone is removed. */
  async #others({ wish, id: own, title, endsAt }: Claim): Promise<readonly string[] | undefined> {
    const Prefix = claimsOf(wish);
    const page = await this.#bucket.list(`look who else makes ${title}`, { Prefix });
    const writtenAt = new Map<string, Date | undefined>();
    for (const { Key = '', LastModified } of page.Contents ?? []) writtenAt.set(Key.slice(Prefix.length), LastModified);
    if (!writtenAt.has(own)) {
      if (Date.now() > endsAt) return undefined;
      throw this.#lostClaim();
    }
    // Written a moment ago by the same clock. Of what time nobody says, it is as fresh.
    const now = writtenAt.get(own)?.getTime() ?? 0;
    const isStale = (id: string) => now - (writtenAt.get(id)?.getTime() ?? now) > staleMs;
    for (const id of [...writtenAt.keys()].filter(isStale)) await this.#withdraw({ wish, id, title });
    return [...writtenAt.keys()].filter((id) => id !== own && !isStale(id));
  }

  #lostClaim(): AppError {
    return new AppError('unreachable', `Cannot rely on ${this.#bucket.place}: what was written is not listed`, {
      next: 'Use a service that lists at once what was written.',
    });
  }

  #head({ Key }: Wish, title: string) {
    return this.#bucket.head(`look for ${title}`, { Key });
  }

  async #put({ wish, id, title }: Claim): Promise<void> {
    const { PutObjectCommand } = await s3Sdk();
    const object = { Bucket: wish.Bucket, Key: claimsOf(wish) + id, Body: Buffer.alloc(0), ...this.#bucket.encryption };
    await this.#bucket.ask(`claim ${title}`, (client, options) => client.send(new PutObjectCommand(object), options));
  }

  /** What stays of it goes stale. */
  async #giveUp(claim: Claim): Promise<void> {
    await this.#withdraw(claim).catch(() => undefined);
  }

  async #withdraw({ wish, id, title }: Pick<Claim, 'wish' | 'id' | 'title'>): Promise<void> {
    const { DeleteObjectCommand } = await s3Sdk();
    const object = new DeleteObjectCommand({ Bucket: wish.Bucket, Key: claimsOf(wish) + id });
    const remove = (client: S3Client, options: AskOptions) => client.send(object, options);
    await this.#bucket.ask(`withdraw a claim of ${title}`, remove, { timeoutMs: withdrawMs });
  }
}

function claimsOf({ Key }: Wish): string {
  return `${Key.replace(/\.json$/, '')}.claims/`;
}
