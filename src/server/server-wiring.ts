import { hostname } from 'node:os';
import { join } from 'node:path';
import { publicKeyText } from '../base/fleet-keys.ts';
import type { SqliteDatabase } from '../base/sqlite-database.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import { Access } from './access.ts';
import { ActivityLog } from './activity.ts';
import { AgentSessions } from './agent-sessions.ts';
import { AgentSockets } from './agent-sockets.ts';
import { callerWith } from './authenticate.ts';
import { Builds } from './builds.ts';
import { Challenges } from './challenges.ts';
import { defaultContextLimits } from './context-room.ts';
import { Contexts } from './contexts.ts';
import { agentHandlers } from './handlers-agent.ts';
import { buildHandlers } from './handlers-builds.ts';
import { hostHandlers } from './handlers-hosts.ts';
import { peopleHandlers } from './handlers-people.ts';
import { proxyHandlers } from './handlers-proxy.ts';
import { sessionHandlers } from './handlers-sessions.ts';
import { hostOf } from './host-link.ts';
import { HostReports } from './host-reports.ts';
import { HostStore } from './host-store.ts';
import { LocalSessions } from './local-sessions.ts';
import { watchFleet } from './metrics-wiring.ts';
import { defaultMostPending } from './pending-room.ts';
import { Relay } from './relay.ts';
import type { OverLimit } from './request-limits.ts';
import { Revisions } from './revisions.ts';
import type { ServerKeys } from './server-keys.ts';
import type { ServerLog } from './server-log.ts';
import type { FleetServerOptions } from './server-options.ts';
import { SessionActivity } from './session-activity.ts';
import { SessionTickets } from './session-tickets.ts';
import { Waiters } from './waiters.ts';
import { WebSessions } from './web-proxy-sessions.ts';

export interface Wiring {
  readonly options: FleetServerOptions;
  /** What `options.log` was told. */
  readonly serverLog: ServerLog;
  readonly database: SqliteDatabase;
  readonly keys: ServerKeys;
  /** Of the server's key. */
  readonly fingerprint: string;
  readonly overLimit: OverLimit;
  readonly now: () => Date;
}

export type Wired = ReturnType<typeof wireServer>;

/** The parts of a server, each told of those that it needs. */
export function wireServer({ options, serverLog, database, keys, fingerprint, overLimit, now }: Wiring) {
  const activity = new ActivityLog(database, now);
  const access = new Access({ database, activity, now });
  const hosts = new HostStore(database);
  const revisions = new Revisions(database, keys.atRest);
  if (!revisions.isKeyRight)
    options.log(
      'at-rest.key is not the key of the secrets in the database: hosts keep what they have and get nothing new',
    );
  const newRevisions = new Waiters<HostId>();
  const sessions = new AgentSessions({ onDuplicate: (hostId) => holdBack(hostId) });
  const onDefect = (error: unknown) =>
    options.log(`sessions: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  const sockets = new AgentSockets({
    onDefect,
    authenticate: (credentials) => sessions.authenticate(credentials),
    onSample: (hostId, sample) => watch.onSample(hostId, sample),
    onDrop: (hostId, reason) =>
      options.log(`Closed the realtime socket of host "${hosts.byId(hostId)?.name ?? hostId}": ${reason}`),
  });
  const watch = watchFleet({
    database,
    hosts,
    activity,
    atRest: keys.atRest,
    server: hostname(),
    version: options.version,
    hasSocket: (hostId) => sockets.has(hostId),
    askLive: (hostId, seconds) => sockets.nudge(hostId, { kind: 'live', seconds }),
    now,
    log: options.log,
  });
  const serverStartedAt = now();
  const sessionActivity = new SessionActivity({
    write: (entries) => {
      database.transaction(() => {
        for (const entry of entries) activity.add(entry, entry.at);
      });
      // Nobody waits for it, and who asks next is told of a disk that fails.
      void database.settled()?.catch(() => undefined);
    },
    onFailure: (error) =>
      options.log(`activity of sessions: ${error instanceof Error ? error.message : String(error)}`),
    now,
  });
  const builds = new Builds(database);
  const buildNews = new Waiters<HostId>();
  const relay = new Relay({
    local: new LocalSessions({ serverLog, builds, buildNews, onDefect }),
    onDefect,
    activity: sessionActivity,
    now,
    limits: options.sessionLimits,
    hostNamed: (name) => hosts.named(name),
    linkOf: (host) => hostOf(host, { at: now(), serverStartedAt, hasSocket: sockets.has(host.hostId) }).link.link,
    wayTo: (hostId) => sockets.wayTo(hostId),
    callerNow: (tokenId) => callerWith(access, tokenId),
  });
  const tickets = new SessionTickets(now);
  const endSessions = (hostId: HostId) => {
    sessions.forget(hostId);
    sockets.end(hostId);
    newRevisions.tell(hostId); // What it waits for is refused now.
  };
  const holdBack = (hostId: HostId) => {
    const host = hosts.byId(hostId);
    if (host?.admission !== 'admitted') return;
    database.transaction(() => {
      hosts.change(hostId, { admission: 'duplicate' });
      activity.add({
        actor: 'server',
        action: 'host.duplicate',
        subject: `host:${host.name}`,
        details: { address: host.address },
      });
    });
  };
  const shared = {
    database,
    hosts,
    access,
    activity,
    revisions,
    now,
    reports: new HostReports(database),
    contexts: new Contexts({
      folder: join(options.dataFolder, 'contexts'),
      limits: { ...defaultContextLimits, ...options.contextLimits },
      used: () => revisions.contextsInUse(),
      log: options.log,
    }),
  };
  const webSessions = new WebSessions(now);
  const handlers = {
    ...proxyHandlers({ hosts, webSessions, proxyDomain: options.proxyDomain }),
    ...peopleHandlers({
      ...shared,
      server: { version: options.version, name: hostname() },
      fingerprint,
    }),
    ...agentHandlers({
      ...shared,
      challenges: new Challenges(() => now().getTime()),
      serverKey: publicKeyText(keys.identity),
      requiresTls: options.requiresTls === true,
      overLimit,
      endSessions,
      mostPending: options.mostPending ?? defaultMostPending,
      sessions,
      newRevisions,
      keys,
      onSamples: watch.onSamples,
    }),
    ...watch.handlers,
    ...sessionHandlers({ relay, tickets, activity }),
    ...buildHandlers({
      ...shared,
      builds,
      news: buildNews,
      onCancel: (hostId, { buildId }) => void sockets.nudge(hostId, { kind: 'cancel-build', buildId }),
    }),
    ...hostHandlers({
      ...shared,
      atRest: keys.atRest,
      serverStartedAt,
      hasSocket: (hostId) => sockets.has(hostId),
      endSessions,
      onSettings: (hostId) => void sockets.nudge(hostId, { kind: 'settings' }),
      onRevision: (hostId, revision) => {
        newRevisions.tell(hostId);
        sockets.nudge(hostId, { kind: 'desired', revision });
      },
    }),
  };
  return {
    handlers,
    access,
    activity,
    hosts,
    sessions,
    sockets,
    relay,
    tickets,
    webSessions,
    watch,
    contexts: shared.contexts,
  };
}
