import { hostname } from 'node:os';
import { sleep } from '../base/deadline.ts';
import type { DeploymentId } from '../contracts/ids.ts';
import { mailboxKeys, type Presence } from '../contracts/mailbox.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';

/** How often the daemon says it is there. */
export const beatMs = 2_000;

/** A daemon is taken to be gone when it missed this many beats. */
const missedBeats = 3;

export function isPresent(presence: Presence | undefined, nowMs: number): boolean {
  // A beat from the future is one of before the clock was set back.
  return presence !== undefined && Math.abs(nowMs - Date.parse(presence.beatAt)) < presence.beatMs * missedBeats;
}

/** Beats until aborted, then takes the sign down. A beat that cannot be written is tried again with the next. */
export async function beat(
  mailbox: Mailbox,
  daemon: { readonly deploymentId: DeploymentId; readonly compute: string },
  signal: AbortSignal,
): Promise<void> {
  const startedAt = new Date().toISOString();
  while (!signal.aborted) {
    const beatAt = new Date().toISOString();
    const presence: Presence = { ...daemon, pid: process.pid, host: hostname(), startedAt, beatAt, beatMs };
    await mailbox.put(mailboxKeys.daemon, JSON.stringify(presence)).catch(() => undefined);
    await sleep(beatMs, signal).catch(() => undefined);
  }
  await mailbox.delete(mailboxKeys.daemon).catch(() => undefined);
}
