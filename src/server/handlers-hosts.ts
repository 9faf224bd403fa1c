import { AppError } from '../contracts/errors.ts';
import { type Host, hostSettingsSchema } from '../contracts/fleet.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import type { HostPlan } from '../contracts/host-change.ts';
import type { hostRoutes } from '../contracts/routes-hosts.ts';
import { actorOf } from './access.ts';
import { refuseHostBytes } from './context-room.ts';
import type { Handlers, UserCaller } from './handler.ts';
import { type DeclaredSpec, declareSpec, type HostSpecPorts, planFor, rollBack, specOf } from './host-specs.ts';
import type { HostChanges, StoredHost } from './host-store.ts';
import { parseFields } from './parse-fields.ts';
import { type ToldHostPorts, toldHost, toldHosts } from './told-hosts.ts';

export interface HostPorts extends HostSpecPorts, ToldHostPorts {
  /** Ends what lets the host's agent in, which then registers again. */
  readonly endSessions: (hostId: HostId) => void;
  /** A host's agent shall ask at once how it stands. */
  readonly onSettings: (hostId: HostId) => void;
}

export function hostHandlers(ports: HostPorts): Handlers<keyof typeof hostRoutes> {
  const { hosts, revisions, reports } = ports;
  return {
    listHosts: () => ({ hosts: toldHosts(ports) }),
    getHost: ({ params }) => {
      const host = hosts.named(params.host);
      const report = reports.of(host.hostId);
      const [change] = revisions.changes(host.hostId, 1);
      const { steps = [], workspaces = [], problems = [] } = report ?? {};
      return {
        host: toldHost(ports, host),
        steps: [...steps],
        workspaces: [...workspaces],
        problems: [...problems],
        ...(change !== undefined && { change }),
        ...(report?.observedAt !== undefined && { observedAt: report.observedAt }),
      };
    },
    changeHost: ({ params, body, caller }) => changeHost(ports, hosts.named(params.host), body, caller),
    approveHost: ({ params, body, caller }) => approveHost(ports, hosts.named(params.host), body, caller),
    revokeHost: ({ params, caller }) => {
      const changed = record(
        ports,
        hosts.named(params.host),
        { admission: 'revoked' },
        { caller, action: 'host.revoke' },
      );
      ports.endSessions(changed.hostId);
      return changed;
    },
    rotateHost: ({ params, caller }) =>
      record(ports, hosts.named(params.host), { wantsNewKeys: true }, { caller, action: 'host.rotate-asked' }),
    removeHost: ({ params, caller }) => removeHost(ports, hosts.named(params.host), caller),
    getSpec: ({ params, query }) => specOf(ports, hosts.named(params.host), query.revision),
    listRevisions: ({ params }) => ({ revisions: revisions.changes(hosts.named(params.host).hostId, 1_000) }),
    planSpec: ({ params, body, caller }) => planSpec(ports, hosts.named(params.host), body, caller),
    applySpec: ({ params, body, caller }) =>
      declareSpec(ports, admitted(hosts.named(params.host)), { ...body, actor: actorOf(caller) }),
    rollBackSpec: ({ params, body, caller }) =>
      rollBack(ports, admitted(hosts.named(params.host)), { ...body, actor: actorOf(caller) }),
    getObservation: ({ params }) => {
      const host = hosts.named(params.host);
      const observation = reports.observation(host.hostId);
      if (observation !== undefined) return observation;
      throw new AppError('not-found', `Cannot tell what host "${host.name}" has: it has not reported yet`);
    },
    putContext: async ({ params, query, body }) => ({
      sizeBytes: await ports.contexts.put(params.digest, query.sizeBytes, body),
    }),
    hasContext: async ({ params, query: { sizeBytes, hostBytes = 0 } }) => {
      refuseHostBytes(hostBytes, ports.contexts.limits);
      const exists = (await ports.contexts.sizeOf(params.digest)) !== undefined;
      if (!exists && sizeBytes !== undefined) await ports.contexts.refuseWithoutRoom(sizeBytes);
      return { exists };
    },
  };
}

interface Deed {
  readonly caller: UserCaller;
  readonly action: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A change of a host and its entry in the activity log, both or neither. */
function record(
  ports: HostPorts,
  host: StoredHost,
  changes: HostChanges,
  { caller, action, details }: Deed,
): Host & { hostId: HostId } {
  ports.database.transaction(() => {
    ports.hosts.change(host.hostId, changes);
    ports.activity.add({ actor: actorOf(caller), action, subject: `host:${host.name}`, ...(details && { details }) });
  });
  return toldHost(ports, { ...host, ...changes });
}

function changeHost(
  ports: HostPorts,
  host: StoredHost,
  {
    name,
    settings,
  }: { readonly name?: string | undefined; readonly settings?: Readonly<Record<string, unknown>> | undefined },
  caller: UserCaller,
): Host {
  if (name !== undefined && name !== host.name && ports.hosts.freeName(name) !== name)
    throw new AppError('task-conflict', `Cannot name host "${host.name}" "${name}": another host has this name`);
  const changes: HostChanges = {
    ...(name !== undefined && { name }),
    ...(settings !== undefined && { settings: mergedSettings(host, settings) }),
  };
  const changed = record(ports, host, changes, { caller, action: 'host.change', details: { name, settings } });
  if (settings !== undefined) ports.onSettings(host.hostId);
  return changed;
}

function mergedSettings({ settings }: StoredHost, given: Readonly<Record<string, unknown>>) {
  const { metrics, ...others } = given;
  const merged = { ...settings, ...others, metrics: { ...settings.metrics, ...(isObject(metrics) ? metrics : {}) } };
  return parseFields(hostSettingsSchema.strict(), merged, 'the settings') as StoredHost['settings']; // By that schema.
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** The fingerprint is what the admin compared with the host's own: another key under this name is not admitted. */
function approveHost(
  ports: HostPorts,
  host: StoredHost,
  { fingerprint, replaces }: { readonly fingerprint: string; readonly replaces?: string | undefined },
  caller: UserCaller,
): Host {
  if (toldHost(ports, host).fingerprint !== fingerprint) {
    throw new AppError('refused', `Cannot approve host "${host.name}": its fingerprint is not "${fingerprint}"`, {
      next: 'Compare it with what the agent prints at its start; see also agora host ls.',
    });
  }
  if (host.admission === 'admitted') return toldHost(ports, host);
  if (host.admission === 'revoked')
    throw new AppError('refused', `Cannot approve host "${host.name}": its key was revoked`);
  const details = { fingerprint, ...(replaces !== undefined && { replaces }) };
  if (replaces === undefined) {
    // Who of the two is left may register only now, and must not be taken for one that came back beside the other.
    if (host.admission === 'duplicate') ports.endSessions(host.hostId);
    const approved = record(ports, host, { admission: 'admitted' }, { caller, action: 'host.approve', details });
    ports.onSettings(host.hostId);
    return approved;
  }
  return takenOver(ports, host, ports.hosts.named(replaces), { caller, action: 'host.approve', details });
}

/** The old host lives on with the new one's keys: what it owns on its engine bears its id. */
function takenOver(ports: HostPorts, host: StoredHost, old: StoredHost, deed: Deed): Host {
  if (old.hostId === host.hostId) throw new AppError('usage', `Cannot approve host "${host.name}" in place of itself`);
  for (const { hostId } of [host, old]) ports.endSessions(hostId);
  const { publicKey, sealingKey, registrationToken, facts } = host;
  const changes = {
    publicKey,
    sealingKey,
    registrationToken,
    facts,
    admission: 'admitted',
    wantsNewKeys: false,
  } as const;
  return ports.database.transaction(() => {
    ports.hosts.remove(host.hostId);
    ports.reports.restart(old.hostId);
    return record(ports, old, changes, deed);
  });
}

function removeHost(ports: HostPorts, host: StoredHost, caller: UserCaller): undefined {
  if (host.admission === 'admitted') {
    throw new AppError('refused', `Cannot remove host "${host.name}": it is admitted`, {
      next: `Revoke it first: agora host revoke ${host.name}`,
    });
  }
  ports.endSessions(host.hostId);
  ports.database.transaction(() => {
    ports.hosts.remove(host.hostId);
    ports.activity.add({ actor: actorOf(caller), action: 'host.remove', subject: `host:${host.name}` });
  });
  return undefined;
}

/** A viewer could try values until the plan says that nothing changes: theirs are not looked at. */
function planSpec(
  ports: HostPorts,
  host: StoredHost,
  { spec, secrets }: Pick<DeclaredSpec, 'spec' | 'secrets'>,
  { user }: UserCaller,
): HostPlan {
  const isRefused = user.role === 'viewer' && Object.keys(secrets).length > 0;
  const plan = planFor(ports, host, { spec, secrets: isRefused ? {} : secrets });
  if (!isRefused) return plan;
  const message = 'their values are taken as they are declared: to compare others takes the role operator';
  return { ...plan, problems: [...plan.problems, { name: 'secrets', message }] };
}

function admitted(host: StoredHost): StoredHost {
  if (host.admission === 'admitted') return host;
  throw new AppError('refused', `Cannot declare anything for host "${host.name}": it is ${host.admission}`, {
    next: `See agora host ls; a pending host is admitted with agora host approve ${host.name}.`,
  });
}
