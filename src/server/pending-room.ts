import type { SqliteDatabase } from '../base/sqlite-database.ts';
import { AppError } from '../contracts/errors.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import type { ActivityLog } from './activity.ts';
import { networkOf } from './address-limit.ts';
import type { HostStore, PendingHost } from './host-store.ts';

export interface PendingRoomPorts {
  readonly database: SqliteDatabase;
  readonly hosts: HostStore;
  readonly activity: ActivityLog;
  readonly now: () => Date;
  /** Ends what lets a host's agent in. */
  readonly endSessions: (hostId: HostId) => void;
  /** How many hosts may wait for approval. */
  readonly mostPending: number;
}

/** More are not for a person to look through. */
export const defaultMostPending = 1_000;
/** After so long without a sign of life one that waits may have to make room. */
const pendingSilenceMs = 3_600_000;

/** Makes room for one more host that waits for approval, or raises `limit-exceeded`. Inside a transaction. */
export function makeRoom(ports: PendingRoomPorts, address: string): void {
  const { hosts, activity, now, mostPending, endSessions } = ports;
  if (hosts.count('pending') < mostPending) return;
  const silent = hosts.silentPending(new Date(now().getTime() - pendingSilenceMs));
  const id = silent?.hostId ?? crowding(hosts.pending(), address)?.hostId;
  const given = id === undefined ? undefined : hosts.byId(id);
  if (given === undefined) {
    throw new AppError('limit-exceeded', `Cannot register: ${mostPending} hosts wait for approval already`, {
      next: 'Approve or remove some (agora host ls), or start the agent with a join token.',
    });
  }
  hosts.remove(given.hostId);
  endSessions(given.hostId);
  const details = { lastSeenAt: given.lastSeenAt, publicKey: given.publicKey, address: given.address };
  activity.add({ actor: 'server', action: 'host.forget', subject: `host:${given.name}`, details });
}

/** The newest of the network that most of them are from, where fewer are from that of the newcomer: nobody takes all the room. */
export function crowding(pending: readonly PendingHost[], newcomer: string): PendingHost | undefined {
  const groups = Map.groupBy(pending, ({ address }) => networkOf(address));
  const most = [...groups.values()].reduce((one, other) => (other.length > one.length ? other : one), []);
  const own = groups.get(networkOf(newcomer))?.length ?? 0;
  if (most.length < own + 2) return undefined;
  return most.reduce((one, other) => (other.enrolledAt > one.enrolledAt ? other : one));
}
