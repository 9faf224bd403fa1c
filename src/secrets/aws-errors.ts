import { type Explained, failureName, isRefusal } from '../base/sdk-failure.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';

// The SDK keeps what it found for as long as the process lives.
const signIn =
  'Sign in as the AWS CLI does (AWS_PROFILE, AWS_ACCESS_KEY_ID, `aws sso login`, an instance role), and restart what runs with other keys.';

const refusals: Readonly<Record<string, Explained>> = {
  ResourceNotFoundException: {
    code: 'not-found',
    state: 'there is no such secret in that account and region',
    next: 'Compare the arn with `aws secretsmanager list-secrets`, and the account with `aws sts get-caller-identity`.',
  },
  InvalidRequestException: {
    code: 'not-found',
    state: 'it is marked for deletion or has no value yet',
    next: 'Bring it back with `aws secretsmanager restore-secret`, or give it a value.',
  },
  AccessDeniedException: {
    code: 'refused',
    state: 'AWS denies access',
    next: 'Allow secretsmanager:GetSecretValue on it (and kms:Decrypt on its key) for who runs this process.',
  },
  DecryptionFailure: {
    code: 'refused',
    state: 'its key cannot be used',
    next: 'Allow kms:Decrypt on its KMS key for who runs this process.',
  },
  EncryptionFailure: {
    code: 'refused',
    state: 'its key cannot be used',
    next: 'Allow kms:GenerateDataKey and kms:Decrypt on its KMS key for who runs this process.',
  },
  CredentialsProviderError: { code: 'refused', state: 'no AWS credentials were found', next: signIn },
  TokenProviderError: { code: 'refused', state: 'the sign-in to AWS is over', next: signIn },
};

const signInNames = [
  'ExpiredTokenException',
  'UnrecognizedClientException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'IncompleteSignature',
];

/** Failures of AWS Secrets Manager as ours: `not-found`, `refused`, `unreachable`. Never with what was sent. */
export function explainAwsError(what: string, cause: unknown): AppError {
  const { code, state, next } = explained(cause);
  return new AppError(code, `Cannot ${what}: ${state}`, { next });
}

function explained(cause: unknown): Explained {
  const name = failureName(cause);
  const known = refusals[name];
  if (known !== undefined) return known;
  if (signInNames.includes(name))
    return { code: 'refused', state: `AWS takes no such credentials (${name})`, next: signIn };
  if (cause instanceof Error && /^Region is missing/.test(cause.message))
    return { code: 'refused', state: 'no AWS region is set', next: 'Set AWS_REGION or a region in the AWS profile.' };
  if (isRefusal(cause))
    return {
      code: 'refused',
      state: `AWS refuses it (${name})`,
      next: 'Compare with what the AWS CLI says to the same.',
    };
  return {
    code: 'unreachable',
    state: `AWS Secrets Manager does not answer as it should (${systemErrorCode(cause) ?? name})`,
    next: 'Check the network, HTTPS_PROXY and AWS_ENDPOINT_URL_SECRETS_MANAGER, and try again.',
  };
}
