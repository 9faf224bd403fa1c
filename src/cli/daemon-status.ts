import { AppError } from '../contracts/errors.ts';
import { isPresent } from '../orchestrator/presence.ts';
import type { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';
import { jsonText } from './json-text.ts';
import { type Output, say } from './output.ts';

/** Who serves this mailbox, in one line or as JSON. Raises `not-ready` when nobody does. */
export async function printDaemon(
  transport: MailboxSubmissionTransport,
  stdout: Output,
  isJson: boolean,
): Promise<void> {
  const presence = await transport.presence();
  if (presence === undefined || !isPresent(presence, Date.now())) {
    const state = presence === undefined ? 'none serves this mailbox' : `its last sign is of ${presence.beatAt}`;
    throw new AppError('not-ready', `Cannot find the daemon: ${state}`, { next: 'agora orch serve' });
  }
  const { deploymentId, pid, host, startedAt, compute } = presence;
  const line = `daemon ${deploymentId}: process ${pid} on ${host} since ${startedAt}; its workers: ${compute}`;
  await say(stdout, isJson ? jsonText(presence, 2) : line);
}
