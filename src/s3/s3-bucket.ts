import type {
  HeadObjectCommandInput,
  HeadObjectCommandOutput,
  ListObjectsV2CommandInput,
  ListObjectsV2CommandOutput,
  S3Client,
} from '@aws-sdk/client-s3';
import { retry } from '../base/retry.ts';
import { endpointObstacle } from '../base/service-endpoint.ts';
import { AppError } from '../contracts/errors.ts';
import {
  explainS3Error,
  foreignAnswerError,
  isMissingObject,
  isWorthAnotherTry,
  missingBucketError,
  noAnswerError,
  type Question,
  sdkTries,
} from './s3-errors.ts';
import type { S3Options } from './s3-options.ts';

/** Loaded when it is first needed. */
export function s3Sdk() {
  return import('@aws-sdk/client-s3');
}

export interface AskOptions {
  readonly abortSignal: AbortSignal;
}

export interface Patience {
  /** For one question with all its tries. Default: 60,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const patienceMs = 60_000;
const commonPermissions = ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:ListBucket'] as const;
/** For what the SDK leaves to its caller: bytes that were changed or lost on the way. */
const ownTries = 4;
/** Silence counts, not how long a large request takes. */
const most = { connectionMs: 5_000, silenceMs: 20_000, requestMs: 600_000 } as const;

/** One bucket of S3, or of a service that speaks as it does. */
export class S3Bucket {
  readonly name: string;
  readonly prefix: string;
  readonly #options: S3Options;
  readonly #permissions: readonly string[];
  #client: Promise<S3Client> | undefined;
  #isThere: Promise<void> | undefined;

  /** `permissions` are those that everything asked of it needs together. */
  constructor(options: S3Options, permissions: readonly string[] = commonPermissions) {
    this.name = checkedBucket(options.bucket);
    this.prefix = checkedPrefix(options.prefix ?? '');
    if (options.endpoint !== undefined) checkEndpoint(options.endpoint);
    this.#options = options;
    this.#permissions = permissions;
  }

  /** As `s3://bucket/prefix at https://host`. */
  get place(): string {
    const { endpoint } = this.#options;
    return `s3://${this.name}/${this.prefix}${endpoint === undefined ? '' : ` at ${endpoint}`}`;
  }

  /** Of each object that is put. */
  get encryption() {
    const { encryption } = this.#options;
    if (encryption === undefined) return {};
    const kmsKeyId = encryption.algorithm === 'aws:kms' ? encryption.kmsKeyId : undefined;
    return {
      ServerSideEncryption: encryption.algorithm,
      ...(kmsKeyId === undefined ? {} : { SSEKMSKeyId: kmsKeyId }),
    };
  }

  /** Asks for `what`, as in "read blob x", more than once if need be. Raises what `explainS3Error` makes of a failure. */
  async ask<T>(
    what: string,
    ask: (client: S3Client, options: AskOptions) => Promise<T>,
    { timeoutMs = patienceMs, signal }: Patience = {},
  ): Promise<T> {
    const deadline = new AbortController();
    const abortSignal = signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, signal]);
    // Cleared with the answer: the body of an answer may take longer to read.
    const timer = setTimeout(() => deadline.abort(), timeoutMs);
    let lastFailure: unknown;
    const isRetryable = (failure: unknown) => {
      lastFailure = failure;
      return isWorthAnotherTry(failure);
    };
    try {
      const client = await this.client();
      return await retry(() => ask(client, { abortSignal }), { attempts: ownTries, isRetryable, signal: abortSignal });
    } catch (cause) {
      signal?.throwIfAborted();
      if (deadline.signal.aborted) throw noAnswerError(this.#question(what), timeoutMs, lastFailure ?? cause);
      throw this.explain(what, cause);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The same for what may not be there: undefined then, while a bucket that is not there is still an error. */
  async askForObject<T>(
    what: string,
    ask: (client: S3Client, options: AskOptions) => Promise<T>,
    patience: Patience = {},
  ): Promise<T | undefined> {
    const find = async (client: S3Client, options: AskOptions) => {
      try {
        return await ask(client, options);
      } catch (cause) {
        if (isMissingObject(cause)) return undefined;
        throw cause;
      }
    };
    const found = await this.ask(what, find, patience);
    if (found === undefined) await this.#requireBucket(what, patience);
    return found;
  }

  /** What is known of an object; undefined when it is not there. */
  async head(what: string, wish: Omit<HeadObjectCommandInput, 'Bucket'>): Promise<HeadObjectCommandOutput | undefined> {
    const { HeadObjectCommand } = await s3Sdk();
    const command = new HeadObjectCommand({ Bucket: this.name, ...wish });
    const found = await this.askForObject(what, (client, options) => client.send(command, options));
    if (found !== undefined && found.ETag === undefined) throw foreignAnswerError(this.#question(what));
    return found;
  }

  /** One page of what is there. */
  async list(what: string, wish: Omit<ListObjectsV2CommandInput, 'Bucket'>): Promise<ListObjectsV2CommandOutput> {
    const { ListObjectsV2Command } = await s3Sdk();
    const command = new ListObjectsV2Command({ Bucket: this.name, ...wish });
    const page = await this.ask(what, (client, options) => client.send(command, options));
    // Else a page of something else would say that nothing is there.
    if (page.Name === undefined && page.KeyCount === undefined) throw foreignAnswerError(this.#question(what));
    return page;
  }

  /** The answer to a HEAD does not say which of both is missing. */
  #requireBucket(what: string, patience: Patience): Promise<void> {
    this.#isThere ??= this.ask(
      what,
      async (client, options) => {
        const { HeadBucketCommand } = await s3Sdk();
        await client.send(new HeadBucketCommand({ Bucket: this.name }), options).catch((cause: unknown) => {
          throw isMissingObject(cause) ? missingBucketError(this.#question(what)) : cause;
        });
      },
      patience,
    );
    this.#isThere.catch(() => {
      this.#isThere = undefined;
    });
    return this.#isThere;
  }

  explain(what: string, cause: unknown): AppError {
    return explainS3Error(this.#question(what), cause);
  }

  client(): Promise<S3Client> {
    if (this.#options.client !== undefined) return Promise.resolve(this.#options.client);
    this.#client ??= newClient(this.#options).catch((error: unknown) => {
      this.#client = undefined;
      throw error;
    });
    return this.#client;
  }

  #question(what: string): Question {
    return { what, place: this.place, permissions: this.#permissions };
  }
}

async function newClient({
  endpoint,
  forcePathStyle = endpoint !== undefined,
  region,
  credentials,
}: S3Options): Promise<S3Client> {
  const { S3Client } = await s3Sdk();
  return new S3Client({
    maxAttempts: sdkTries,
    forcePathStyle,
    // It would open a connection of its own for each part of an upload.
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: most.connectionMs,
      socketTimeout: most.silenceMs,
      requestTimeout: most.requestMs,
      // Else it is only written to the log, and the try goes on.
      throwOnRequestTimeout: true,
    },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
  });
}

function checkedBucket(bucket: string): string {
  if (/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) return bucket;
  throw new AppError('invalid-input', `Cannot use bucket "${bucket}": its name is not one of S3`, {
    next: 'Give 3 to 63 lower-case letters, digits, dots and hyphens.',
  });
}

function checkedPrefix(prefix: string): string {
  const complete = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
  if (/^(?:(?!\.{1,2}\/)[A-Za-z0-9._-]+\/)*$/.test(complete) && complete.length <= 256) return complete;
  throw new AppError('invalid-input', `Cannot use prefix "${prefix}": it must be a path such as "team/agora/"`);
}

function checkEndpoint(endpoint: string): void {
  const state = endpointObstacle(endpoint);
  if (state === undefined) return;
  throw new AppError('invalid-input', `Cannot use the endpoint of S3: ${state}`, {
    next: 'Give a URL such as "https://s3.example.com:9000"; keys go into `credentials` or the environment.',
  });
}
