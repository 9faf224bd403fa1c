import type { S3Client } from '@aws-sdk/client-s3';
import { AppError } from '../contracts/errors.ts';
import { explainS3Error } from './s3-errors.ts';
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
/** The SDK waits between tries at random, longer each time (its `standard` mode). */
const most = { maxAttempts: 5, connectionTimeoutMs: 5_000, requestTimeoutMs: 20_000 } as const;

/** One bucket of S3, or of a service that speaks as it does. */
export class S3Bucket {
  readonly name: string;
  readonly prefix: string;
  readonly #options: S3Options;
  #client: Promise<S3Client> | undefined;

  constructor(options: S3Options) {
    this.name = checkedBucket(options.bucket);
    this.prefix = checkedPrefix(options.prefix ?? '');
    this.#options = options;
  }

  /** As `s3://bucket/prefix`. */
  get place(): string {
    return `s3://${this.name}/${this.prefix}`;
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

  /** Asks for `what`, as in "read blob x". Raises what `explainS3Error` makes of a failure. */
  async ask<T>(
    what: string,
    ask: (client: S3Client, options: AskOptions) => Promise<T>,
    { timeoutMs = patienceMs, signal }: Patience = {},
  ): Promise<T> {
    const deadline = AbortSignal.timeout(timeoutMs);
    const abortSignal = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
    try {
      return await ask(await this.client(), { abortSignal });
    } catch (cause) {
      signal?.throwIfAborted();
      throw explainS3Error(what, this.place, cause);
    }
  }

  client(): Promise<S3Client> {
    if (this.#options.client !== undefined) return Promise.resolve(this.#options.client);
    this.#client ??= newClient(this.#options);
    return this.#client;
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
    maxAttempts: most.maxAttempts,
    forcePathStyle,
    requestHandler: {
      connectionTimeout: most.connectionTimeoutMs,
      requestTimeout: most.requestTimeoutMs,
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
