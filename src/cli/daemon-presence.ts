import type { Presence } from '../contracts/mailbox.ts';
import type { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';
import { type Output, say } from './output.ts';

/** A daemon that missed three beats is gone. */
export function isBeating(presence: Presence | undefined, now: number): boolean {
  return presence !== undefined && now - Date.parse(presence.beatAt) <= 3 * presence.beatMs;
}

/** Says on stderr that nothing executes runs at the moment, if that is so. Returns whether a daemon beats. */
export async function sayIfNoDaemon(transport: MailboxSubmissionTransport, stderr: Output): Promise<boolean> {
  if (isBeating(await transport.presence(), Date.now())) return true;
  await say(stderr, 'agora: no daemon is running here, so runs wait; start one with: agora orch serve');
  return false;
}
