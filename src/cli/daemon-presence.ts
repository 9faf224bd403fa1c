import { isPresent } from '../orchestrator/presence.ts';
import type { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';
import { type Output, say } from './output.ts';

/** Says on stderr that nothing executes runs at the moment, if that is so. Returns whether a daemon beats. */
export async function sayIfNoDaemon(transport: MailboxSubmissionTransport, stderr: Output): Promise<boolean> {
  if (isPresent(await transport.presence(), Date.now())) return true;
  await say(stderr, 'agora: no daemon is running here, so runs wait; start one with: agora orch serve');
  return false;
}
