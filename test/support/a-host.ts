import { defaultHostSettings, type Host } from '../../src/contracts/fleet.ts';
import { fingerprintSchema, hostIdSchema, hostNameSchema, publicKeySchema } from '../../src/contracts/fleet-ids.ts';
import { someFacts } from '../../src/server/suite-server.ts';

/** One that is well, enrolled in 2026. */
export function aHost({ link, ...changes }: Partial<Omit<Host, 'link'>> & { link?: Partial<Host['link']> } = {}): Host {
  return {
    hostId: hostIdSchema.parse(`h-${'a'.repeat(26)}`),
    name: hostNameSchema.parse('box'),
    admission: 'admitted',
    publicKey: publicKeySchema.parse('A'.repeat(43)),
    fingerprint: fingerprintSchema.parse('aaaa-bbbb-cccc-dddd'),
    address: '127.0.0.1',
    enrolledAt: '2026-01-01T00:00:00.000Z',
    link: { link: 'online', hasSocket: true, isEncrypted: true, engine: 'up', ...link },
    facts: someFacts,
    settings: defaultHostSettings,
    ...changes,
  };
}
