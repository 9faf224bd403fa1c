import { AppError } from '../contracts/errors.ts';
import type { RunId } from '../contracts/ids.ts';
import type { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';

/** Why a run has no state yet: it was rejected, or no daemon took it. `action` begins the message. */
export async function notTaken(transport: MailboxSubmissionTransport, runId: RunId, action: string): Promise<AppError> {
  const rejected = await transport.rejected(runId);
  if (rejected === undefined) {
    return new AppError('not-ready', `${action}: it waits for the daemon`, { next: 'agora orch serve' });
  }
  return new AppError('run-failed', `${action}: it was rejected at ${rejected.rejectedAt} and ran nothing`, {
    next: `agora orch watch ${runId}`,
  });
}
