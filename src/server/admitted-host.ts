import { AppError } from '../contracts/errors.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import type { HostStore, StoredHost } from './host-store.ts';

/** The host of a session, when it may be served. */
export function admittedHost(hosts: HostStore, hostId: HostId): StoredHost {
  const host = knownHost(hosts.byId(hostId));
  if (host.admission === 'admitted') return host;
  const [state, next] =
    host.admission === 'pending'
      ? ['it waits for approval', `An admin approves it: agora host approve ${host.name}`]
      : [`it is ${host.admission}`, 'See agora host ls'];
  throw new AppError('refused', `Cannot serve host "${host.name}": ${state}`, { next });
}

/** Its session outlived it. */
export function knownHost(host: StoredHost | undefined): StoredHost {
  if (host !== undefined) return host;
  throw new AppError('unauthenticated', 'Cannot serve this host: it was removed', { next: 'Register again.' });
}
