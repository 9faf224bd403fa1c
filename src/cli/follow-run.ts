import { type AppError, isAppError } from '../contracts/errors.ts';
import type { RunId } from '../contracts/ids.ts';
import { mailboxKeys, type Problem } from '../contracts/mailbox.ts';
import { isTerminalRun } from '../contracts/run.ts';
import type { StatusRecord } from '../contracts/status.ts';
import type { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';

export type RunEvent =
  /** `isLatest`: none after it is known yet. */
  | { readonly kind: 'status'; readonly record: StatusRecord; readonly isLatest: boolean }
  | { readonly kind: 'rejected'; readonly problems: readonly Problem[] }
  /** Nothing new; at least once at the start and with each look at the mailbox. */
  | { readonly kind: 'quiet'; readonly isSubmitted: boolean }
  /** The mailbox cannot be reached; told with each look at it that fails. */
  | { readonly kind: 'unreachable'; readonly error: AppError };

/** How long a mailbox that was reached before may stay away. */
const outageMs = 600_000;

/**
 * Every status record of a run from the first, live, to its terminal one; or its rejection. Ends also when aborted. Raises
 * `unreachable` for a mailbox that never was there, or that stays away for ten minutes.
 */
export async function* followRun(
  transport: MailboxSubmissionTransport,
  runId: RunId,
  signal: AbortSignal,
): AsyncGenerator<RunEvent, void> {
  const seen: Seen = { after: undefined };
  let reachedAtMs: number | undefined;
  for await (const _ of transport.mailbox.watch(mailboxKeys.run(runId), signal)) {
    try {
      for await (const event of newEvents(transport, runId, seen)) {
        reachedAtMs = performance.now();
        yield event;
        if (event.kind === 'rejected' || (event.kind === 'status' && isTerminalRun(event.record.status))) return;
      }
    } catch (error) {
      const isGone = reachedAtMs === undefined || performance.now() - reachedAtMs > outageMs;
      if (!isAppError(error, 'unreachable') || isGone) throw error;
      yield { kind: 'unreachable', error };
    }
  }
}

interface Seen {
  /** Key of the last status record that was given. */
  after: string | undefined;
}

async function* newEvents(
  transport: MailboxSubmissionTransport,
  runId: RunId,
  seen: Seen,
): AsyncGenerator<RunEvent, void> {
  const keys = await transport.statusKeys(runId, seen.after);
  let given = 0;
  for await (const record of transport.statusesAt(keys)) {
    seen.after = keys[given++];
    yield { kind: 'status', record, isLatest: given === keys.length };
  }
  if (keys.length > 0) return;
  if (seen.after !== undefined) {
    yield { kind: 'quiet', isSubmitted: true };
    return;
  }
  // The inbox is read first: a verdict is published before the submission leaves it.
  const isWaiting = (await transport.waitingSubmissions(runId)).length > 0;
  const isAccepted = (await transport.accepted(runId)) !== undefined;
  const rejected = isWaiting || isAccepted ? undefined : await transport.rejected(runId);
  if (rejected === undefined) yield { kind: 'quiet', isSubmitted: isWaiting || isAccepted };
  else yield { kind: 'rejected', problems: rejected.problems };
}
