import { randomBytes } from 'node:crypto';
import { canonicalize } from '../base/canonical-json.ts';
import { isSignedBy } from '../base/fleet-keys.ts';
import { canSealTo } from '../base/sealed-box.ts';
import { agentProtocol, type Registration } from '../contracts/agent-wire.ts';
import { AppError } from '../contracts/errors.ts';
import { defaultHostSettings } from '../contracts/fleet.ts';
import { type HostId, hostIdSchema } from '../contracts/fleet-ids.ts';
import type { Access } from './access.ts';
import type { Challenges } from './challenges.ts';
import type { StoredHost } from './host-store.ts';
import { makeRoom, type PendingRoomPorts } from './pending-room.ts';
import type { OverLimit } from './request-limits.ts';

export interface EnrolmentPorts extends PendingRoomPorts {
  readonly access: Access;
  readonly challenges: Challenges;
  /** Public, base64url. */
  readonly serverKey: string;
  /** Refuses agents whose link is not encrypted. */
  readonly requiresTls: boolean;
  readonly overLimit: OverLimit;
}

export interface Arrival {
  readonly registration: Registration;
  readonly signature: string;
  readonly address: string;
  readonly isEncrypted: boolean;
}

const base32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** Lets hosts in: known ones by their key, new ones by a join token or as pending. Gives the host as it then is. */
export function enrol(ports: EnrolmentPorts, arrival: Arrival): StoredHost {
  checkArrival(ports, arrival);
  return ports.database.transaction(() => {
    const { registration } = arrival;
    const known = ports.hosts.byKey(registration.publicKey) ?? rotated(ports, registration);
    if (known?.admission === 'revoked') {
      throw new AppError('refused', `Cannot register host "${known.name}": its key was revoked`, {
        next: 'An admin can remove the host (agora host rm); then the agent may register anew with a new key.',
      });
    }
    const host = known === undefined ? added(ports, arrival) : returned(ports, known, arrival);
    ports.hosts.change(host.hostId, host);
    return host;
  });
}

function checkArrival(ports: EnrolmentPorts, { registration, signature, isEncrypted }: Arrival): void {
  if (registration.protocol !== agentProtocol) {
    const state = `the agent speaks protocol ${registration.protocol}, this server ${agentProtocol}`;
    throw new AppError('invalid-input', `Cannot register: ${state}`, {
      next: 'Use an agent of the release of the server.',
    });
  }
  if (ports.requiresTls && !isEncrypted) {
    throw new AppError('refused', 'Cannot register: this server takes encrypted links only', {
      next: 'Start the agent with the https:// address of the server.',
    });
  }
  if (!ports.challenges.take(registration.challenge))
    throw new AppError(
      'unauthenticated',
      'Cannot register: its challenge is not one of the last minute, or was used before',
    );
  const text = canonicalize({ registration, serverKey: ports.serverKey });
  if (!isSignedBy(registration.publicKey, text, signature))
    throw new AppError('unauthenticated', 'Cannot register: its signature does not hold for its key and this server');
  if (!canSealTo(registration.sealingKey))
    throw new AppError('invalid-input', 'Cannot register: nothing can be sealed to its sealing key');
}

/** A known host with the new key that it was asked for. */
function rotated({ hosts, activity }: EnrolmentPorts, registration: Registration): StoredHost | undefined {
  const { previous, publicKey, sealingKey, challenge } = registration;
  if (previous === undefined) return undefined;
  const host = hosts.byKey(previous.publicKey);
  const isProved = isSignedBy(previous.publicKey, canonicalize({ publicKey, challenge }), previous.signature);
  if (host === undefined || !isProved || !host.wantsNewKeys || host.admission === 'revoked') return undefined;
  activity.add({ actor: `host:${host.name}`, action: 'host.rotate', subject: `host:${host.name}` });
  return { ...host, publicKey, sealingKey, wantsNewKeys: false };
}

function returned(
  ports: EnrolmentPorts,
  host: StoredHost,
  { registration, address, isEncrypted }: Arrival,
): StoredHost {
  const isAdmitted = host.admission === 'pending' && joins(ports, registration);
  if (isAdmitted) admitted(ports, host.name);
  return {
    ...host,
    admission: isAdmitted ? 'admitted' : host.admission,
    sealingKey: registration.sealingKey,
    registrationToken: registration.registrationToken,
    facts: registration.facts,
    address,
    isEncrypted,
    agentStartedAt: ports.now().toISOString(),
    lastSeenAt: ports.now().toISOString(),
  };
}

function added(ports: EnrolmentPorts, { registration, address, isEncrypted }: Arrival): StoredHost {
  const { hosts, activity, now } = ports;
  const isAdmitted = joins(ports, registration);
  if (!isAdmitted) {
    const over = ports.overLimit('newcomers', address);
    if (over !== undefined) throw over;
    makeRoom(ports, address);
  }
  const at = now().toISOString();
  const host: StoredHost = {
    hostId: newHostId(),
    name: hosts.freeName(registration.name),
    admission: isAdmitted ? 'admitted' : 'pending',
    publicKey: registration.publicKey,
    sealingKey: registration.sealingKey,
    registrationToken: registration.registrationToken,
    facts: registration.facts,
    settings: defaultHostSettings,
    engine: 'unknown',
    engineSince: undefined,
    wantsNewKeys: false,
    enrolledAt: at,
    agentStartedAt: at,
    lastSeenAt: at,
    address,
    isEncrypted,
  };
  hosts.add(host);
  activity.add({
    actor: `host:${host.name}`,
    action: isAdmitted ? 'host.join' : 'host.pending',
    subject: `host:${host.name}`,
    details: {
      address,
      publicKey: host.publicKey,
      ...(host.name !== registration.name && { wanted: registration.name }),
    },
  });
  return host;
}

function joins({ access }: EnrolmentPorts, { joinToken }: Registration): boolean {
  if (joinToken === undefined) return false;
  if (access.joinTokens.use(joinToken) !== undefined) return true;
  throw new AppError('unauthenticated', 'Cannot register: the join token is unknown, has expired or is used up', {
    next: 'Make a new one: agora token create --join. Or start the agent without one and approve it.',
  });
}

function admitted({ activity }: EnrolmentPorts, name: string): void {
  activity.add({ actor: `host:${name}`, action: 'host.join', subject: `host:${name}` });
}

function newHostId(): HostId {
  return hostIdSchema.parse(`h-${[...randomBytes(26)].map((byte) => base32[byte & 31]).join('')}`);
}
