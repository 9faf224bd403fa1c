import { fingerprintOf } from '../base/fleet-keys.ts';
import type { Host } from '../contracts/fleet.ts';
import type { StoredHost } from './host-store.ts';

/** How many heartbeats may be missed. */
const missedHeartbeats = 3;

/** What is told of it: with its fingerprint, and whether it is there. */
export function hostOf(
  stored: StoredHost,
  now: { readonly at: Date; readonly serverStartedAt: Date; readonly hasSocket: boolean },
): Pick<Host, 'fingerprint' | 'link'> {
  const { lastSeenAt, settings, isEncrypted, agentStartedAt, engine, engineSince } = stored;
  const patienceMs = settings.heartbeatSeconds * missedHeartbeats * 1000;
  const sinceMs = (time: number) => now.at.getTime() - time;
  const serverMs = sinceMs(now.serverStartedAt.getTime());
  const silentMs = lastSeenAt === undefined ? Number.POSITIVE_INFINITY : sinceMs(Date.parse(lastSeenAt));
  const isNewServer = serverMs >= 0 && serverMs < patienceMs;
  // A time to come is of a clock that was put back since: it tells nothing.
  const link =
    silentMs < 0 || (isNewServer && silentMs >= patienceMs) ? 'unknown' : silentMs < patienceMs ? 'online' : 'offline';
  return {
    fingerprint: fingerprintOf(stored.publicKey),
    link: {
      link,
      hasSocket: now.hasSocket,
      isEncrypted,
      engine: link === 'online' ? engine : 'unknown',
      ...(lastSeenAt !== undefined && { lastSeenAt }),
      ...(agentStartedAt !== undefined && { agentStartedAt }),
      ...(engineSince !== undefined && { engineSince }),
    },
  };
}
