import { isAppError } from '../contracts/errors.ts';

/** Looks again and again whether those who were let in still may, until the signal aborts. */
export function keepCallersChecked(
  parts: readonly { checkCallers(): void }[],
  { everyMs, signal }: { readonly everyMs: number; readonly signal: AbortSignal },
): void {
  const checking = setInterval(() => {
    try {
      for (const part of parts) part.checkCallers();
    } catch (error) {
      // The database cannot be read for now: the next look tells.
      if (!isAppError(error)) throw error;
    }
  }, everyMs).unref();
  signal.addEventListener('abort', () => clearInterval(checking), { once: true });
}
