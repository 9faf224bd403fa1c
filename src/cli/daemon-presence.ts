import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { isPresent } from '../orchestrator/presence.ts';
import type { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';
import { type Output, say } from './output.ts';

/** A daemon started in the background a moment ago gets this long to show itself. */
const startMs = 1_500;

/** Says on stderr that nothing executes runs at the moment, if that is so. Returns whether a daemon beats. */
export async function sayIfNoDaemon(transport: MailboxSubmissionTransport, stderr: Output): Promise<boolean> {
  try {
    const isThere = async () => isPresent(await transport.presence(), Date.now());
    return await waitUntil('a daemon', isThere, { timeoutMs: startMs, intervalMs: 50 });
  } catch (error) {
    if (!isAppError(error, 'not-ready')) throw error;
  }
  await say(stderr, 'agora: no daemon is running here, so runs wait; start one with: agora orch serve');
  return false;
}
