import { AppError } from '../contracts/errors.ts';

/** A secret of AWS Secrets Manager, or one value of it. */
export interface AwsSecretRef {
  readonly arn: string;
  readonly region: string;
  /** Of the secret, with the six characters that AWS adds. */
  readonly name: string;
  /** Of a secret that is a JSON object: the member that is meant. */
  readonly jsonKey: string | undefined;
  readonly versionStage: string | undefined;
  readonly versionId: string | undefined;
}

const pattern =
  /^(arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):\d{12}:secret:([\w/+=.@!-]{1,600}))(?::([^:]*))?(?::([^:]*))?(?::([^:]*))?$/;

/**
 * `arn:aws:secretsmanager:<region>:<account>:secret:<name>[:<json key>[:<version stage>[:<version id>]]]`, the form in which
 * Amazon ECS and AWS Batch name secrets too. Raises `invalid-input`.
 */
export function parseAwsSecretRef(ref: string): AwsSecretRef {
  const [, arn, region, name, jsonKey, versionStage, versionId] = pattern.exec(ref) ?? [];
  if (arn !== undefined && region !== undefined && name !== undefined) {
    const given = (part: string | undefined) => (part === '' ? undefined : part);
    const version = { versionStage: given(versionStage), versionId: given(versionId) };
    return { arn, region, name, jsonKey: given(jsonKey), ...version };
  }
  // Not the ref: what was meant to be one may be the secret itself.
  throw new AppError('invalid-input', 'Cannot resolve the secret: its arn: ref is malformed', {
    next: 'Give arn:aws:secretsmanager:<region>:<account>:secret:<name>, as `aws secretsmanager describe-secret` prints it.',
  });
}

/** One member of a secret that is a JSON object, as text. `what` is being done with it. Raises `not-found`. */
export function memberOf(text: string, key: string, what: string): string {
  const value = objectOf(text)?.[key];
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new AppError('not-found', `Cannot ${what}: it is no JSON object with a text under "${key}"`, {
    next: 'Name a key that the secret has, or none for the whole secret.',
  });
}

// The parser's own words quote what they stumble over, so nothing of them is kept.
function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    // A plain object has members that nobody gave it, such as `constructor`.
    return typeof value === 'object' && value !== null ? { __proto__: null, ...value } : undefined;
  } catch {
    return undefined; // The caller says so.
  }
}
