import { isAppError } from '../contracts/errors.ts';

const mostCharacters = 4_096;

/** A failure as it is told to the server and in the log: with what to do about it. */
export function problemText(error: unknown): string {
  const words = error instanceof Error ? error.message : String(error);
  const next = isAppError(error) && error.next !== undefined ? `. ${error.next}` : '';
  return `${words}${next}`.slice(0, mostCharacters);
}
