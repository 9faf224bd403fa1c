import { AppError, isAppError } from '../contracts/errors.ts';
import { isProcessText } from '../contracts/nul-character.ts';
import type { SecretSource } from '../secrets/secrets.ts';

/** The values of secrets by variable. `secret-missing` names the variable and its ref; `unreachable` may be tried again. */
export async function resolveSecrets(
  secrets: SecretSource,
  refs: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const resolved = Object.entries(refs).map(
    async ([variable, ref]) => [variable, await resolveOne(secrets, variable, ref)] as const,
  );
  return Object.fromEntries(await Promise.all(resolved));
}

async function resolveOne(secrets: SecretSource, variable: string, ref: string): Promise<string> {
  let value: string;
  try {
    value = await secrets.resolve(ref);
  } catch (cause) {
    if (!isAppError(cause) || cause.code === 'unreachable') throw cause;
    throw missing(variable, `${cause.message.charAt(0).toLowerCase()}${cause.message.slice(1)}`, cause);
  }
  if (value === '') throw missing(variable, `what "${ref}" names is empty`);
  if (!isProcessText(value))
    throw missing(variable, `what "${ref}" names holds a NUL character, which no variable can`);
  return value;
}

function missing(variable: string, state: string, cause?: AppError): AppError {
  return new AppError('secret-missing', `Cannot give secret "${variable}": ${state}`, {
    cause,
    ...(cause?.next === undefined ? {} : { next: cause.next }),
  });
}
