import * as z from 'zod';
import {
  alertChangeSchema,
  alertChannelNameSchema,
  alertChannelSchema,
  alertRuleNameSchema,
  alertRuleSchema,
  alertSchema,
  mailSchema,
  webhookSchema,
} from './alerts.ts';
import { hostNameSchema } from './fleet-ids.ts';
import { metricsSampleSchema } from './metrics.ts';
import type { Routes } from './route.ts';

export const metricKinds = ['host', 'gpu', 'workspace'] as const;
const kindSchema = z.enum(metricKinds);
export type MetricKind = z.infer<typeof kindSchema>;

const hostParams = z.object({ host: hostNameSchema });
const timeSchema = z.coerce.number().int().nonnegative().max(8_640_000_000_000_000);

/** Of one thing that was measured over time; null where nothing is known. */
const metricSeriesSchema = z.object({
  kind: kindSchema,
  /** The GPU's uuid or the workspace's name; empty for the host. */
  of: z.string(),
  name: z.string(),
  mean: z.array(z.number().nullable()),
  max: z.array(z.number().nullable()),
});
export type MetricSeries = z.infer<typeof metricSeriesSchema>;

/** What hosts measure, and what is worth a notice. */
export const metricsRoutes = {
  getMetrics: {
    method: 'GET',
    path: '/api/v1/hosts/:host/metrics',
    access: 'viewer',
    summary: 'Gives what a host measured, over a time, and the latest of it',
    params: hostParams,
    query: z.object({
      kind: kindSchema.optional(),
      of: z.string().max(4096).optional(),
      /** Names with commas between. Default: all. */
      series: z.string().max(4096).optional(),
      /** Milliseconds since 1970. Default: an hour before the end. */
      from: timeSchema.optional(),
      /** Default: now. */
      to: timeSchema.optional(),
      points: z.coerce.number().int().min(1).max(2_000).default(240),
    }),
    reply: z.object({
      from: z.int(),
      stepMs: z.int().positive(),
      /** How many steps there are from then on: as long is each list. */
      steps: z.int().nonnegative(),
      series: z.array(metricSeriesSchema),
      latest: metricsSampleSchema.optional(),
    }),
  },
  listLatestMetrics: {
    method: 'GET',
    path: '/api/v1/metrics/latest',
    access: 'viewer',
    summary: 'Gives the latest that each host measured',
    reply: z.object({ hosts: z.array(z.object({ host: hostNameSchema, sample: metricsSampleSchema })) }),
  },
  watchMetrics: {
    method: 'GET',
    path: '/api/v1/hosts/:host/metrics/live',
    access: 'viewer',
    summary: 'Streams what a host measures, a sample as JSON on each line, each second where its socket is open',
    params: hostParams,
    reply: 'text',
  },
  listAlerts: {
    method: 'GET',
    path: '/api/v1/alerts',
    access: 'viewer',
    summary: 'Lists alerts, those that are not resolved first, then the newest',
    query: z.object({ limit: z.coerce.number().int().min(1).max(1_000).default(100) }),
    reply: z.object({ alerts: z.array(alertSchema) }),
  },
  listAlertRules: {
    method: 'GET',
    path: '/api/v1/alert-rules',
    access: 'viewer',
    summary: 'Lists when alerts are raised, and where they go',
    reply: z.object({ rules: z.array(alertRuleSchema), channels: z.array(alertChannelSchema) }),
  },
  changeAlertRule: {
    method: 'PATCH',
    path: '/api/v1/alert-rules/:rule',
    access: 'operator',
    summary: 'Changes when an alert is raised',
    params: z.object({ rule: alertRuleNameSchema }),
    body: alertChangeSchema,
    reply: alertRuleSchema,
  },
  setWebhook: {
    method: 'PUT',
    path: '/api/v1/alert-channels/webhook',
    access: 'admin',
    summary: 'Sends alerts to a webhook, signed',
    body: webhookSchema,
    reply: alertChannelSchema,
  },
  setMail: {
    method: 'PUT',
    path: '/api/v1/alert-channels/mail',
    access: 'admin',
    summary: 'Sends alerts by mail',
    body: mailSchema,
    reply: alertChannelSchema,
  },
  removeAlertChannel: {
    method: 'DELETE',
    path: '/api/v1/alert-channels/:channel',
    access: 'admin',
    summary: 'Sends no more alerts there',
    params: z.object({ channel: alertChannelNameSchema }),
    reply: 'nothing',
  },
  testAlerts: {
    method: 'POST',
    path: '/api/v1/alert-channels/test',
    access: 'operator',
    summary: 'Sends a test to each place that alerts go to, and tells what came of it',
    reply: z.object({
      results: z.array(z.object({ channel: alertChannelNameSchema, error: z.string().max(4096).optional() })),
    }),
  },
} as const satisfies Routes;
