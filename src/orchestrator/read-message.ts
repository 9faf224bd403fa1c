import { isAppError } from '../contracts/errors.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';

/** A message whose bytes changed since it was sent. No further try makes it whole, so it must hold up no other. */
export const damaged = Symbol('damaged');

export async function readMessage(mailbox: Mailbox, key: string): Promise<string | undefined | typeof damaged> {
  try {
    return await mailbox.get(key);
  } catch (error) {
    if (isAppError(error, 'artifact-mismatch')) return damaged;
    throw error;
  }
}
