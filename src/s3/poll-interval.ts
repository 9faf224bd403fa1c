import { AppError } from '../contracts/errors.ts';

/** What an option `pollSeconds` says, in milliseconds. Raises `invalid-input` where nobody would look, or without an end. */
export function pollMsOf(pollSeconds: number): number {
  if (pollSeconds >= 0.1 && pollSeconds <= 3_600) return pollSeconds * 1_000;
  throw new AppError('invalid-input', `Cannot use pollSeconds "${pollSeconds}": it must be from 0.1 to 3600`);
}
