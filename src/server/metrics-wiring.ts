import type { SqliteDatabase } from '../base/sqlite-database.ts';
import type { Heartbeat } from '../contracts/agent-wire.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import type { MetricsSample } from '../contracts/metrics.ts';
import type { ActivityLog } from './activity.ts';
import { Alerts } from './alerts.ts';
import { AlertFacts } from './alerts-facts.ts';
import { hostOf } from './host-link.ts';
import type { HostStore, StoredHost } from './host-store.ts';
import { metricsHandlers } from './metrics-handlers.ts';
import { MetricsKeeper } from './metrics-keeper.ts';
import { LiveMetrics } from './metrics-live.ts';
import { MetricsStore } from './metrics-store.ts';
import { fleetText } from './prometheus.ts';

export interface WatchOptions {
  readonly database: SqliteDatabase;
  readonly hosts: HostStore;
  readonly activity: ActivityLog;
  readonly atRest: Uint8Array;
  /** As notices name this server. */
  readonly server: string;
  readonly version: string;
  readonly hasSocket: (hostId: HostId) => boolean;
  /** Asks a host for a sample each second. */
  readonly askLive: (hostId: HostId, seconds: number) => boolean;
  readonly now: () => Date;
  readonly log: (line: string) => void;
}

/** Of what is so now: a heartbeat may come late, one may be lost, and clocks differ by a few seconds. */
const freshHeartbeats = 3;
const freshMs = 10_000;

/** What a server keeps of its hosts' figures, and what it says of them. */
export function watchFleet(options: WatchOptions) {
  const { database, hosts, now } = options;
  const serverStartedAt = now();
  const store = new MetricsStore(database);
  const keeper = new MetricsKeeper({ store, hosts, now, log: options.log });
  const live = new LiveMetrics({ latest: (hostId) => store.latest(hostId), ask: options.askLive });
  const sampleOf = ({ hostId, settings }: StoredHost) =>
    store.latest(hostId, now().getTime() - freshMs - freshHeartbeats * settings.heartbeatSeconds * 1_000);
  const facts = new AlertFacts({ database, hosts, sampleOf });
  const alerts = new Alerts({ ...options, facts });
  return {
    handlers: metricsHandlers({ hosts, store, live, alerts, now }),
    /** With a heartbeat: to be kept. */
    onSamples: ({ hostId, settings }: StoredHost, { samples, agentTime }: Pick<Heartbeat, 'agentTime' | 'samples'>) => {
      const current = now().getTime();
      const { metrics } = settings;
      store.take(hostId, samples, { now: current, aheadMs: Date.parse(agentTime) - current, metrics });
      live.tell(hostId);
    },
    /** For those who look right now. */
    onSample: (hostId: HostId, sample: MetricsSample) => {
      if (hosts.byId(hostId)?.admission !== 'admitted') return;
      store.show(hostId, sample, now().getTime());
      live.tell(hostId);
    },
    prometheus: () => {
      const views = hosts.all().map((host) => ({
        name: host.name,
        admission: host.admission,
        link: hostOf(host, { at: now(), serverStartedAt, hasSocket: options.hasSocket(host.hostId) }).link,
        sample: sampleOf(host),
      }));
      return fleetText({ hosts: views, alerts: alerts.activeCounts(), version: options.version });
    },
    start: () => {
      keeper.start();
      alerts.start();
    },
    close: async () => {
      await alerts.close();
      keeper.close();
    },
  };
}

export type FleetWatch = ReturnType<typeof watchFleet>;
