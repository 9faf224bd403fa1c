import { createHash } from 'node:crypto';
import { failureStatus } from '../base/sdk-failure.ts';
import { AppError } from '../contracts/errors.ts';
import { S3Bucket, s3Sdk } from '../s3/s3-bucket.ts';
import type { S3Options } from '../s3/s3-options.ts';
import type { Anchor, AnchorEntry, ReadBack } from './anchor.ts';
import { entryText } from './anchored-entry.ts';
import { AskedStore } from './asked-store.ts';
import { cannotLock, type ObjectPlace, readVersions } from './locked-object.ts';
import type { RunLog } from './record.ts';
import { holdsEntry } from './verify/anchor-standing.ts';

export interface S3ObjectLockAnchorOptions extends S3Options {
  /** How long nobody can remove or change an entry, the account's owner included. Default: 1. */
  readonly retentionDays?: number;
  /** The name that seals and bundles know it by. Default: `s3:<bucket>`, and the prefix if there is one. */
  readonly id?: string;
}

const defaults = { retentionDays: 1 } as const;
const dayMs = 86_400_000;
const mostDays = 36_500;
const permissions = [
  's3:PutObject',
  's3:PutObjectRetention',
  's3:ListBucketVersions',
  's3:GetObject',
  's3:GetObjectVersion',
  's3:GetObjectRetention',
  's3:GetBucketObjectLockConfiguration',
] as const;

/**
 * Keeps the digests of each seal in a bucket with Object Lock, in mode COMPLIANCE. What it earns is not taken from what
 * was asked for: lock and versions are read back. An entry holds digests only, because nobody could erase more.
 */
export class S3ObjectLockAnchor implements Anchor {
  readonly kind = 's3-object-lock';
  readonly id: string;
  readonly #bucket: S3Bucket;
  readonly #retentionMs: number;

  constructor({ retentionDays = defaults.retentionDays, id, ...options }: S3ObjectLockAnchorOptions) {
    this.#bucket = new S3Bucket(options, permissions);
    // Whole: it goes into bundles, whose numbers are.
    this.#retentionMs = Math.ceil(checkedDays(retentionDays) * dayMs);
    this.id = checkedId(id ?? `s3:${this.#bucket.name}/${this.#bucket.prefix}`.replace(/\/$/, ''));
  }

  locatorOf(run: RunLog): string {
    return `s3://${this.#bucket.name}/${this.#keyOf(run)}`;
  }

  async record(entry: AnchorEntry, signal?: AbortSignal): Promise<void> {
    const put = (place: ObjectPlace) => this.#putOnce(place, entry);
    await this.#ask(`anchor run "${entry.runId}"`, entry, put, signal);
  }

  async readBack(run: RunLog, signal?: AbortSignal): Promise<ReadBack> {
    const read = async (place: ObjectPlace): Promise<ReadBack> => {
      const found = await readVersions(place);
      const { endpoint } = place.store;
      return {
        locator: this.locatorOf(run),
        ...(endpoint === undefined ? {} : { endpoint }),
        readAt: place.store.now().toISOString(),
        retentionMs: this.#retentionMs,
        ...found,
      };
    };
    return this.#ask(`read back the anchor of run "${run.runId}"`, run, read, signal);
  }

  /** Puts the entry where there is none. Two at once, or a lost answer, may put the same twice, which is no harm. */
  async #putOnce(place: ObjectPlace, entry: AnchorEntry): Promise<void> {
    if (await this.#isThere(place, entry)) return;
    try {
      await this.#put(place, entry);
    } catch (error) {
      // Of services that heed `If-None-Match`: somebody was faster, or it was us and the answer got lost.
      if (failureStatus(error) === 412 && (await this.#isThere(place, entry))) return;
      if (failureStatus(error) === 400 && (await cannotLock(place))) throw this.#lockless(entry, error);
      throw error;
    }
  }

  async #isThere(place: ObjectPlace, entry: AnchorEntry): Promise<boolean> {
    const { versions } = await readVersions(place);
    const oldest = versions.find((version) => version.isDeleteMarker === undefined);
    if (oldest === undefined) return false;
    if (holdsEntry(oldest, entry)) return true;
    const state = `${this.locatorOf(entry)} holds something else already`;
    throw new AppError('refused', `Cannot anchor run "${entry.runId}": ${state}`, {
      next: `Somebody else may write to that bucket, or seals with your key: compare the versions (${this.#howToList(entry)}).`,
    });
  }

  async #put({ client, options, store, bucket, key }: ObjectPlace, entry: AnchorEntry): Promise<void> {
    const { PutObjectCommand } = await s3Sdk();
    const body = entryText(entry);
    const object = {
      Bucket: bucket,
      Key: key,
      Body: body,
      ContentType: 'application/json',
      // Some services take no lock without it.
      ContentMD5: createHash('md5').update(body).digest('base64'),
      ObjectLockMode: 'COMPLIANCE',
      // By the clock that will end it.
      ObjectLockRetainUntilDate: new Date(store.now().getTime() + this.#retentionMs),
      ...this.#bucket.encryption,
    } as const;
    try {
      await client.send(new PutObjectCommand({ ...object, IfNoneMatch: '*' }), options);
    } catch (error) {
      if (failureStatus(error) !== 501) throw error;
      await client.send(new PutObjectCommand(object), options);
    }
  }

  #ask<T>(what: string, run: RunLog, ask: (place: ObjectPlace) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { name: bucket } = this.#bucket;
    const at = { store: new AskedStore(), bucket, key: this.#keyOf(run) };
    return this.#bucket.ask(
      what,
      (client, options) => ask({ ...at, client, options }),
      signal === undefined ? {} : { signal },
    );
  }

  #keyOf({ origin, runId }: RunLog): string {
    return `${this.#bucket.prefix}${origin.slice(origin.indexOf('/') + 1)}/run/${runId}`;
  }

  #lockless(entry: AnchorEntry, cause: unknown): AppError {
    const message = `Cannot anchor run "${entry.runId}" in ${this.#bucket.place}: the bucket has no Object Lock`;
    return new AppError('refused', message, {
      cause,
      next: 'Make another: aws s3api create-bucket --object-lock-enabled-for-bucket --bucket NAME',
    });
  }

  #howToList(run: RunLog): string {
    return `aws s3api list-object-versions --bucket ${this.#bucket.name} --prefix ${this.#keyOf(run)}`;
  }
}

function checkedDays(days: number): number {
  if (Number.isFinite(days) && days > 0 && days <= mostDays) return days;
  throw new AppError(
    'invalid-input',
    `Cannot keep an anchor for "${days}" days: it must be more than 0 and at most ${mostDays}`,
  );
}

function checkedId(id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9:._/-]{0,255}$/.test(id) && id !== 'local') return id;
  throw new AppError(
    'invalid-input',
    `Cannot name an anchor "${id}": it must be a name such as "s3:audit", and not "local"`,
  );
}
