import { AppError } from '../contracts/errors.ts';
import type { metricsRoutes } from '../contracts/routes-metrics.ts';
import { actorOf } from './access.ts';
import type { Alerts } from './alerts.ts';
import { type Handlers, type Incoming, StreamedReply } from './handler.ts';
import type { HostStore } from './host-store.ts';
import type { LiveMetrics } from './metrics-live.ts';
import type { MetricsStore } from './metrics-store.ts';

export interface MetricsPorts {
  readonly hosts: HostStore;
  readonly store: MetricsStore;
  readonly live: LiveMetrics;
  readonly alerts: Alerts;
  readonly now: () => Date;
}

const hourMs = 3_600_000;

export function metricsHandlers(ports: MetricsPorts): Handlers<keyof typeof metricsRoutes> {
  const { hosts, store, live, alerts } = ports;
  return {
    getMetrics: (incoming) => getMetrics(ports, incoming),
    listLatestMetrics: () => ({
      hosts: hosts.all().flatMap(({ hostId, name }) => {
        const sample = store.latest(hostId);
        return sample === undefined ? [] : [{ host: name, sample }];
      }),
    }),
    watchMetrics: ({ params, signal }) => {
      const { hostId } = hosts.named(params.host);
      return new StreamedReply(live.lines(hostId, signal), 'application/x-ndjson');
    },
    listAlerts: ({ query }) => ({ alerts: alerts.list(query.limit) }),
    listAlertRules: () => ({ rules: alerts.rules(), channels: alerts.channels() }),
    changeAlertRule: ({ params, body, caller }) => alerts.changeRule(params.rule, body, actorOf(caller)),
    setWebhook: ({ body, caller }) => alerts.setWebhook(body, actorOf(caller)),
    setMail: ({ body, caller }) => alerts.setMail(body, actorOf(caller)),
    removeAlertChannel: ({ params, caller }) => {
      alerts.removeChannel(params.channel, actorOf(caller));
      return undefined;
    },
    testAlerts: async ({ signal }) => ({ results: await alerts.test(signal) }),
  };
}

function getMetrics({ hosts, store, now }: MetricsPorts, { params, query }: Incoming<'getMetrics'>) {
  const { hostId } = hosts.named(params.host);
  const current = now().getTime();
  const to = query.to ?? current;
  const from = query.from ?? to - hourMs;
  if (from >= to) {
    const state = 'it ends before it begins';
    throw new AppError('invalid-input', `Cannot give metrics from "${from}" to "${to}": ${state}`);
  }
  const series = query.series === undefined ? undefined : new Set(query.series.split(','));
  const { kind, of, points } = query;
  const view = store.view(hostId, { from, to, points, kind, of, series }, current);
  const latest = store.latest(hostId);
  return { ...view, ...(latest !== undefined && { latest }) };
}
