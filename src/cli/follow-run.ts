import type { RunId } from '../contracts/ids.ts';
import { mailboxKeys, type Problem } from '../contracts/mailbox.ts';
import { isTerminalRun } from '../contracts/run.ts';
import type { StatusRecord } from '../contracts/status.ts';
import type { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';

export type RunEvent =
  /** `isLatest`: none after it is known yet. */
  | { readonly kind: 'status'; readonly record: StatusRecord; readonly isLatest: boolean }
  | { readonly kind: 'rejected'; readonly problems: readonly Problem[] }
  /** Nothing new; at least once at the start and about every second. */
  | { readonly kind: 'quiet'; readonly isSubmitted: boolean };

/** Every status record of a run from the first, live, to its terminal one; or its rejection. Ends also when aborted. */
export async function* followRun(
  transport: MailboxSubmissionTransport,
  runId: RunId,
  signal: AbortSignal,
): AsyncGenerator<RunEvent, void> {
  let after: string | undefined;
  for await (const _ of transport.mailbox.watch(mailboxKeys.run(runId), signal)) {
    const keys = await transport.statusKeys(runId, after);
    for (const key of keys) {
      const record = await transport.statusAt(key);
      after = key;
      yield { kind: 'status', record, isLatest: key === keys.at(-1) };
      if (isTerminalRun(record.status)) return;
    }
    if (keys.length > 0) continue;
    if (after === undefined) {
      // The inbox is read first: a verdict is published before the submission leaves it.
      const isWaiting = (await transport.waitingSubmissions(runId)).length > 0;
      const isAccepted = (await transport.accepted(runId)) !== undefined;
      const rejected = isWaiting || isAccepted ? undefined : await transport.rejected(runId);
      if (rejected !== undefined) {
        yield { kind: 'rejected', problems: rejected.problems };
        return;
      }
      yield { kind: 'quiet', isSubmitted: isWaiting || isAccepted };
    } else {
      yield { kind: 'quiet', isSubmitted: true };
    }
  }
}
