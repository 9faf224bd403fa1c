import * as z from 'zod';
import { schemaWords } from '../base/schema-words.ts';
import { variableNameSchema } from '../contracts/env-bundle.ts';
import { AppError } from '../contracts/errors.ts';
import { processTextSchema } from '../contracts/process-text.ts';
import { findCredentials } from '../registry/credential-scan.ts';

const extraEnvSchema = z.record(variableNameSchema, processTextSchema);

/** What holds a credential whatever its value looks like: an S3 key is forty letters among others. */
const credentialNames: readonly RegExp[] = [
  /(SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|(API|ACCESS|PRIVATE)_?KEY)\d*(_|$)/i,
  // Shorter words are found in others, such as PATH and AUTHOR.
  /(^|_)(PASS|PAT|AUTH|AUTHORIZATION)\d*(_|$)/i,
  /(?<!(^|_)PUBLIC)_KEY(_?V?\d+)?$/i,
];
const urlWithPassword = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]*:[^/?#@\s]+@/i;

/**
 * Variables of every worker of a provider, as a config gives them. Raises `invalid-config` for what is no environment, and
 * for what looks like a credential: these are recorded in clear.
 */
export function checkedExtraEnv(provider: string, given: unknown): Readonly<Record<string, string>> {
  const what = `Cannot use extraEnv of ${provider}`;
  const parsed = extraEnvSchema.safeParse(given, { error: schemaWords });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue?.path.join('.') ?? '';
    throw new AppError('invalid-config', `${what}: ${place === '' ? 'it' : place} ${issue?.message}`);
  }
  for (const [name, value] of Object.entries(parsed.data)) {
    const reason = reasonToRefuse(name, value);
    if (reason === undefined) continue;
    throw new AppError('invalid-config', `${what}: ${name} ${reason}`, {
      next: `Register it as a secret, which reaches workers on stdin: agora env register --name <env> --secret ${name}=stdin:`,
    });
  }
  return parsed.data;
}

function reasonToRefuse(name: string, value: string): string | undefined {
  const [found] = findCredentials(value);
  if (found !== undefined) return `looks like ${found.kind}`;
  if (urlWithPassword.test(value)) return 'is a URL with a password in it';
  return credentialNames.some((pattern) => pattern.test(name)) ? 'is the name of a credential' : undefined;
}
