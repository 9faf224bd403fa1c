import { type Explained, failureName, failureStatus, isRefusal, sdkMetadata } from '../base/sdk-failure.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';

/** What was asked for: "read x", of `s3://bucket/`, and what one must be allowed for it. */
export interface Question {
  readonly what: string;
  readonly place: string;
  readonly permissions: readonly string[];
}

// The SDK keeps what it found for as long as the process lives.
const signIn =
  'Give credentials as to the AWS CLI (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, an instance role), and restart what runs with others.';

const noBucket: Explained = {
  code: 'not-found',
  state: 'there is no such bucket',
  next: 'Make it (`aws s3api create-bucket`), or compare bucket, endpoint and region with where it is.',
};

const known: Readonly<Record<string, Explained>> = {
  NoSuchBucket: noBucket,
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
  QuotaExceeded: { code: 'disk-full', state: 'its quota is used up', next: 'Make room there, or raise the quota.' },
};

/** Failures of S3 as ours: `not-found` (the bucket), `refused`, `disk-full`, `unreachable`. */
export function explainS3Error(question: Question, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  return errorOf(explained(cause, question.permissions), question, cause);
}

/** For an answer that does not tell a missing bucket from a missing object. */
export function missingBucketError(question: Question): AppError {
  return errorOf(noBucket, question);
}

/** `cause` is the last that went wrong before the time was over. */
export function noAnswerError(question: Question, timeoutMs: number, cause: unknown): AppError {
  const state = `no answer within ${Math.ceil(timeoutMs / 1_000)} s`;
  return errorOf(
    { code: 'unreachable', state, next: 'Check the endpoint and the network, and try again.' },
    question,
    cause,
  );
}

/** For an answer that lacks what every answer of S3 has. */
export function foreignAnswerError({ what, place }: Pick<Question, 'what' | 'place'>): AppError {
  return new AppError('unreachable', `Cannot ${what} in ${place}: what answers is not S3`, {
    next: 'Compare the endpoint with where the service is: a proxy or a sign-in page may answer instead.',
  });
}

function errorOf({ code, state, next }: Explained, { what, place }: Question, cause?: unknown): AppError {
  return new AppError(code, `Cannot ${what} in ${place}: ${state}`, { next, cause });
}

/** Whether it says that there is no such object. */
export function isMissingObject(cause: unknown): boolean {
  return ['NoSuchKey', 'NotFound'].includes(failureName(cause));
}

/**
 * Of one question by the SDK, with waits at random, longer each time (its `standard` mode). It makes fewer where it takes a failure
 * for one that stays.
 */
export const sdkTries = 5;

/** Whether the next try may do better, and the SDK has not made them all: it says how many it made. */
export function isWorthAnotherTry(cause: unknown): boolean {
  if (cause instanceof AppError) return cause.code === 'artifact-mismatch';
  return explained(cause, []).code === 'unreachable' && (sdkMetadata(cause).attempts ?? 1) < sdkTries;
}

function explained(cause: unknown, permissions: readonly string[]): Explained {
  const name = failureName(cause);
  const status = failureStatus(cause);
  const found = known[name];
  if (found !== undefined) return found;
  if (isElsewhere(status, name)) return elsewhere(cause);
  if (cause instanceof Error && /^Region /.test(cause.message))
    return {
      code: 'refused',
      state: 'no region is set, or none that can be',
      next: 'Set AWS_REGION, or give a region.',
    };
  if (isOwnMistake(cause)) return { code: 'internal', state: cause.message, next: 'Check the endpoint, or report it.' };
  if (status === 507) return { code: 'disk-full', state: 'its storage is full', next: 'Make room there.' };
  const allow = `Allow ${permissions.join(', ')} on it for who runs this process.`;
  if (name === 'AccessDenied') return { code: 'refused', state: 'access is denied', next: allow };
  // The answer to a HEAD does not say whether it is the credentials.
  if (status === 403) return { code: 'refused', state: `access is denied (${name})`, next: `${allow} ${signIn}` };
  if (isRefusal(cause))
    return { code: 'refused', state: `the service refuses it (${name})`, next: 'Compare with what the AWS CLI says.' };
  return {
    code: 'unreachable',
    state: `the service does not answer as it should (${systemErrorCode(cause) ?? name})`,
    next: 'Check the endpoint and the network, and try again.',
  };
}

function isElsewhere(status: number | undefined, name: string): boolean {
  return status === 301 || status === 307 || ['PermanentRedirect', 'AuthorizationHeaderMalformed'].includes(name);
}

function elsewhere(cause: unknown): Explained {
  const region = regionTold(cause);
  return {
    code: 'refused',
    state: region === undefined ? 'the bucket is in another region' : `the bucket is in region "${region}"`,
    next: region === undefined ? 'Give the region it is in.' : `Give region "${region}", or set AWS_REGION to it.`,
  };
}

/** In the body of the answer, or in its headers: that to a HEAD has nothing else. */
function regionTold(cause: unknown): string | undefined {
  const { Region, $response } = cause as { Region?: unknown; $response?: { headers?: Record<string, unknown> } };
  const told = Region ?? $response?.headers?.['x-amz-bucket-region'];
  return typeof told === 'string' && /^[a-z0-9-]{1,64}$/.test(told) ? told : undefined;
}

/** A mistake of this program, or a URL that is none: waiting cures neither. With an answer it is that which is damaged. */
function isOwnMistake(cause: unknown): cause is Error {
  if (failureStatus(cause) !== undefined) return false;
  if (cause instanceof Error && '$response' in cause && cause.$response !== undefined) return false;
  return cause instanceof TypeError || cause instanceof RangeError || cause instanceof ReferenceError;
}
