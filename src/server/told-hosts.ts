import type { Host } from '../contracts/fleet.ts';
import { fingerprintSchema, type HostId } from '../contracts/fleet-ids.ts';
import { hostOf } from './host-link.ts';
import type { HostStore, StoredHost } from './host-store.ts';
import type { Revisions } from './revisions.ts';

export interface ToldHostPorts {
  readonly hosts: HostStore;
  readonly revisions: Revisions;
  readonly serverStartedAt: Date;
  readonly hasSocket: (hostId: HostId) => boolean;
  readonly now: () => Date;
}

/** What of a host is in other rows than its own. */
interface Beside {
  /** The name of another host of its machine. */
  readonly twin: string | undefined;
  readonly desiredRevision: number | undefined;
  readonly appliedRevision: number | undefined;
}

/** A host as people are told of it. */
export function toldHost(ports: ToldHostPorts, stored: StoredHost): Host {
  const { hostId, registrationToken } = stored;
  return told(ports, stored, {
    twin: ports.hosts.ofMachine(registrationToken, hostId)[0]?.name,
    desiredRevision: ports.revisions.latestNumber(hostId),
    appliedRevision: ports.revisions.lastApplied(hostId),
  });
}

/** All of them, with as many queries as for one. */
export function toldHosts(ports: ToldHostPorts): Host[] {
  const all = ports.hosts.all();
  const revisions = ports.revisions.numbers();
  const machines = Map.groupBy(all, ({ registrationToken }) => registrationToken);
  return all.map((stored) => {
    const { latest, applied } = revisions.get(stored.hostId) ?? {};
    const others = (machines.get(stored.registrationToken) ?? []).filter(({ hostId }) => hostId !== stored.hostId);
    return told(ports, stored, { twin: oldest(others)?.name, desiredRevision: latest, appliedRevision: applied });
  });
}

function told(ports: ToldHostPorts, stored: StoredHost, { twin, desiredRevision, appliedRevision }: Beside): Host {
  const { hostId, name, admission, publicKey, address, enrolledAt, facts, settings } = stored;
  const { fingerprint, link } = hostOf(stored, {
    at: ports.now(),
    serverStartedAt: ports.serverStartedAt,
    hasSocket: ports.hasSocket(hostId),
  });
  return {
    hostId,
    name,
    admission,
    publicKey,
    fingerprint: fingerprintSchema.parse(fingerprint),
    address,
    enrolledAt,
    link,
    settings,
    ...(twin !== undefined && { sameMachineAs: twin }),
    ...(facts !== undefined && { facts }),
    ...(desiredRevision !== undefined && { desiredRevision }),
    ...(appliedRevision !== undefined && { appliedRevision }),
  };
}

function oldest(hosts: readonly StoredHost[]): StoredHost | undefined {
  const age = ({ enrolledAt, hostId }: StoredHost) => `${enrolledAt} ${hostId}`;
  return hosts.reduce<StoredHost | undefined>(
    (first, host) => (first === undefined || age(host) < age(first) ? host : first),
    undefined,
  );
}
