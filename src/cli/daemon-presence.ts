import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import type { Presence } from '../contracts/mailbox.ts';
import { isPresent } from '../orchestrator/presence.ts';
import type { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';
import { type Output, say } from './output.ts';

/** A daemon started in the background a moment ago gets this long to show itself. */
const startMs = 1_500;

/** Says on stderr that nothing executes runs at the moment, if that is so. Returns whether a daemon beats. */
export async function sayIfNoDaemon(transport: MailboxSubmissionTransport, stderr: Output): Promise<boolean> {
  try {
    const isThere = async () => isPresent(await readablePresence(transport), Date.now());
    return await waitUntil('a daemon', isThere, { timeoutMs: startMs, intervalMs: 50 });
  } catch (error) {
    if (!isAppError(error, 'not-ready')) throw error;
  }
  await say(stderr, 'agora: no daemon is running here, so runs wait; start one with: agora orch serve');
  return false;
}

/** A sign that cannot be read says nothing; the next beat of a daemon replaces it. */
async function readablePresence(transport: MailboxSubmissionTransport): Promise<Presence | undefined> {
  try {
    return await transport.presence();
  } catch (error) {
    if (isAppError(error, 'state-corrupt')) return undefined;
    throw error;
  }
}
