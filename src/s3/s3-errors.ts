import { AppError, type ErrorCode, systemErrorCode } from '../contracts/errors.ts';

interface Explained {
  readonly code: ErrorCode;
  readonly state: string;
  readonly next: string;
}

const signIn =
  'Give credentials as to the AWS CLI (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, an instance role).';

const noBucket: Explained = {
  code: 'not-found',
  state: 'there is no such bucket',
  next: 'Make it (`aws s3api create-bucket`), or compare bucket, endpoint and region with where it is.',
};

const known: Readonly<Record<string, Explained>> = {
  NoSuchBucket: noBucket,
  AccessDenied: {
    code: 'refused',
    state: 'access is denied',
    next: 'Allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket on it for who runs this process.',
  },
  InvalidAccessKeyId: { code: 'refused', state: 'the access key is not known there', next: signIn },
  SignatureDoesNotMatch: { code: 'refused', state: 'the secret key does not belong to the access key', next: signIn },
  ExpiredToken: { code: 'refused', state: 'the sign-in is over', next: signIn },
  CredentialsProviderError: { code: 'refused', state: 'no credentials were found', next: signIn },
  TokenProviderError: { code: 'refused', state: 'the sign-in is over', next: signIn },
  RequestTimeTooSkewed: {
    code: 'refused',
    state: 'the clocks of this machine and of the service differ too much',
    next: 'Set the clock of this machine (`timedatectl`).',
  },
  PermanentRedirect: {
    code: 'refused',
    state: 'the bucket is in another region',
    next: 'Give the region it is in.',
  },
  QuotaExceeded: { code: 'disk-full', state: 'its quota is used up', next: 'Make room there, or raise the quota.' },
};

/** Failures of S3 as ours: `not-found` (the bucket), `refused`, `disk-full`, `unreachable`. */
export function explainS3Error(what: string, place: string, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  return errorOf(explained(cause), { what, place, cause });
}

/** For an answer that does not tell a missing bucket from a missing object. */
export function missingBucketError(what: string, place: string): AppError {
  return errorOf(noBucket, { what, place });
}

interface Failed {
  readonly what: string;
  readonly place: string;
  readonly cause?: unknown;
}

function errorOf({ code, state, next }: Explained, { what, place, cause }: Failed): AppError {
  return new AppError(code, `Cannot ${what} in ${place}: ${state}`, { next, cause });
}

/** Whether it says that there is no such object. */
export function isMissingObject(cause: unknown): boolean {
  return ['NoSuchKey', 'NotFound'].includes(nameOf(cause));
}

/** HTTP status of an answer that the SDK made an error of; undefined where none came. */
export function statusOf(cause: unknown): number | undefined {
  return metadataOf(cause).httpStatusCode;
}

/** Whether the next try may do better, and the SDK has not made it: it says how many it made. */
export function isWorthAnotherTry(cause: unknown): boolean {
  if (cause instanceof AppError) return cause.code === 'artifact-mismatch';
  return explained(cause).code === 'unreachable' && (metadataOf(cause).attempts ?? 1) === 1;
}

function metadataOf(cause: unknown): { readonly httpStatusCode?: number; readonly attempts?: number } {
  const found = cause instanceof Error && '$metadata' in cause ? cause.$metadata : undefined;
  return typeof found === 'object' && found !== null ? found : {};
}

function explained(cause: unknown): Explained {
  const name = nameOf(cause);
  const found = known[name];
  if (found !== undefined) return found;
  const status = statusOf(cause);
  if (cause instanceof Error && /^Region /.test(cause.message))
    return {
      code: 'refused',
      state: 'no region is set, or none that can be',
      next: 'Set AWS_REGION, or give a region.',
    };
  // A mistake of this program, or a URL that is none: waiting cures neither.
  if (cause instanceof TypeError || cause instanceof RangeError)
    return { code: 'internal', state: cause.message, next: 'Check the endpoint, or report it.' };
  if (status === 507) return { code: 'disk-full', state: 'its storage is full', next: 'Make room there.' };
  if (status === 403) return { code: 'refused', state: `access is denied (${name})`, next: signIn };
  if (isRefusal(status, name))
    return { code: 'refused', state: `the service refuses it (${name})`, next: 'Compare with what the AWS CLI says.' };
  return {
    code: 'unreachable',
    state: `the service does not answer as it should (${systemErrorCode(cause) ?? name})`,
    next: 'Check the endpoint and the network, and try again.',
  };
}

/** Whether the same would be refused again: not where it asks too often, or its bytes were changed on the way. */
function isRefusal(status: number | undefined, name: string): boolean {
  if (status === undefined || status < 400 || status >= 500) return false;
  return (
    status !== 408 &&
    status !== 429 &&
    !/Throttl|TooMany|Timeout|SlowDown|RequestLimit|BadDigest|SHA256Mismatch|IncompleteBody/.test(name)
  );
}

function nameOf(cause: unknown): string {
  return cause instanceof Error ? cause.name : 'unknown';
}
