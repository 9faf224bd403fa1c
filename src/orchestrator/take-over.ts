import { sleep, withDeadline } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import type { DeploymentId } from '../contracts/ids.ts';
import { isPresent } from './presence.ts';
import type { RunStore } from './run-store.ts';
import type { MailboxSubmissionTransport } from './submission-transport.ts';

/** How long a daemon that does not beat, because it stops or starts, is waited for. */
const handOverMs = 15_000;
const lookMs = 50;

export interface TakeOverOptions {
  readonly store: RunStore;
  readonly transport: MailboxSubmissionTransport;
  readonly deploymentId: DeploymentId;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
}

/** Opens the store. A daemon that has it and beats is there to stay: `daemon-running`; one that is stopping is waited for. */
export async function takeOver(options: TakeOverOptions): Promise<void> {
  const { store, transport, deploymentId, signal, onLine } = options;
  const deadline = withDeadline(handOverMs, signal);
  let hasSaid = false;
  for (;;) {
    try {
      return await store.open(deploymentId);
    } catch (error) {
      if (!isAppError(error, 'daemon-running') || deadline.aborted) throw error;
      if (isPresent(await transport.presence(), Date.now())) throw error;
    }
    if (!hasSaid) onLine('another daemon is stopping here; waiting for its end');
    hasSaid = true;
    await sleep(lookMs);
  }
}
