import { defaultHostSettings } from '../contracts/fleet.ts';
import { hostIdSchema } from '../contracts/fleet-ids.ts';
import type { StoredHost } from './host-store.ts';
import { someFacts } from './suite-server.ts';

/** For tests: one that was admitted, enrolled when 2026 began, and has told nothing of its engine. */
export function aStoredHost(changes: Partial<StoredHost> = {}): StoredHost {
  return {
    hostId: hostIdSchema.parse(`h-${'a'.repeat(26)}`),
    name: 'box',
    admission: 'admitted',
    publicKey: 'p'.repeat(43),
    sealingKey: 's'.repeat(43),
    registrationToken: 'f'.repeat(64),
    address: '127.0.0.1',
    isEncrypted: false,
    enrolledAt: '2026-01-01T00:00:00.000Z',
    lastSeenAt: '2026-01-01T00:00:00.000Z',
    agentStartedAt: undefined,
    engine: 'unknown',
    engineSince: undefined,
    facts: someFacts,
    settings: defaultHostSettings,
    wantsNewKeys: false,
    ...changes,
  };
}
