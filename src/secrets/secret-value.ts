import { AppError } from '../contracts/errors.ts';

/** All secrets of a worker travel together; a key or a certificate chain is far smaller than this. */
export const mostSecretBytes = 64 * 1024;

/** Checks that a process can be given this value. The message names the place, never the value. */
export function checkedSecret(value: string, what: string): string {
  const problem = problemOf(value);
  if (problem === undefined) return value;
  throw new AppError('invalid-input', `Cannot use ${what}: its value ${problem}`);
}

function problemOf(value: string): string | undefined {
  if (value === '') return 'is empty';
  if (value.includes('\0')) return 'holds a NUL character';
  if (!value.isWellFormed()) return 'is not valid text';
  if (Buffer.byteLength(value) > mostSecretBytes) return `is larger than ${mostSecretBytes} bytes`;
  return undefined;
}
