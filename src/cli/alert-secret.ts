import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AppError, systemErrorCode } from '../contracts/errors.ts';

/** The one line of a file that holds a password or a shared secret; unlike a token it may hold spaces. */
export async function alertSecretIn(file: string, cwd: string): Promise<string> {
  const refusal = (state: string, cause?: unknown) =>
    new AppError('usage', `Cannot use secret file "${file}": ${state}`, { cause });
  let text: string;
  try {
    text = await readFile(resolve(cwd, file), 'utf8');
  } catch (cause) {
    throw refusal(systemErrorCode(cause) === 'ENOENT' ? 'there is no such file' : 'it cannot be read', cause);
  }
  const secret = text.replace(/\r?\n$/, '');
  if (secret !== '' && secret.length <= 4_096 && !/[\r\n\0]/.test(secret)) return secret;
  throw refusal(secret === '' ? 'it is empty' : 'it is not one line of at most 4096 characters');
}
