import { waitUntil } from '../base/deadline.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { Presence } from '../contracts/mailbox.ts';
import { isPresent } from '../orchestrator/presence.ts';
import type { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';
import { jsonText } from './json-text.ts';
import { type Output, say } from './output.ts';

/** A beat takes as long as a request more than is said of it. */
const beatsWaited = 1.5;

/** Who serves this mailbox, in one line or as JSON. Raises `not-ready` when nobody does. */
export async function printDaemon(
  transport: MailboxSubmissionTransport,
  stdout: Output,
  isJson: boolean,
): Promise<void> {
  const presence = await livingDaemon(transport, await transport.presence());
  const { deploymentId, pid, host, startedAt, compute } = presence;
  const line = `daemon ${deploymentId}: process ${pid} on ${host} since ${startedAt}; its workers: ${compute}`;
  await say(stdout, isJson ? jsonText(presence, 2) : line);
}

/** A sign that looks old may be of a machine whose clock is wrong, or ours is: one that changes is of a daemon that lives. */
async function livingDaemon(transport: MailboxSubmissionTransport, seen: Presence | undefined): Promise<Presence> {
  if (seen === undefined) throw noDaemon('none serves this mailbox');
  if (isPresent(seen, Date.now())) return seen;
  const changed = async () => {
    const presence = await transport.presence();
    return presence?.beatAt === seen.beatAt ? undefined : presence;
  };
  try {
    const timeoutMs = seen.beatMs * beatsWaited;
    return await waitUntil('another beat', changed, { timeoutMs, intervalMs: seen.beatMs / 2 });
  } catch (error) {
    throw isAppError(error, 'not-ready') ? noDaemon(`its last sign is of ${seen.beatAt}`) : error;
  }
}

function noDaemon(state: string): AppError {
  return new AppError('not-ready', `Cannot find the daemon: ${state}`, { next: 'agora orch serve' });
}
