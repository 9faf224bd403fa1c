import * as z from 'zod';
import { hostNameSchema } from './fleet-ids.ts';

export const alertRuleNames = ['host-offline', 'engine-down', 'disk-full', 'gpu-hot', 'restart-loop', 'drift'] as const;
export const alertRuleNameSchema = z.enum(alertRuleNames);
export type AlertRuleName = z.infer<typeof alertRuleNameSchema>;

export const alertRuleSchema = z.object({
  name: alertRuleNameSchema,
  isEnabled: z.boolean(),
  /** From where on: a share of a disk, degrees Celsius of a GPU, restarts of a workspace; undefined where there is nothing to compare. */
  threshold: z.number().positive().max(1_000_000).optional(),
  /** It must be so for this long before the alert is raised. */
  forSeconds: z.number().min(0).max(86_400),
  /** It must be over for this long before the alert is resolved; longer while it comes and goes. */
  clearSeconds: z.number().min(0).max(86_400),
});
export type AlertRule = z.infer<typeof alertRuleSchema>;

/** Need nothing: with a webhook or a mail address set, these tell. */
export const defaultAlertRules: readonly AlertRule[] = [
  { name: 'host-offline', isEnabled: true, forSeconds: 0, clearSeconds: 5 },
  { name: 'engine-down', isEnabled: true, forSeconds: 5, clearSeconds: 20 },
  { name: 'disk-full', isEnabled: true, threshold: 0.9, forSeconds: 0, clearSeconds: 60 },
  { name: 'gpu-hot', isEnabled: true, threshold: 85, forSeconds: 10, clearSeconds: 60 },
  { name: 'restart-loop', isEnabled: true, threshold: 5, forSeconds: 0, clearSeconds: 60 },
  { name: 'drift', isEnabled: true, forSeconds: 20, clearSeconds: 30 },
];

/** A share, and what a host can have: a higher threshold would never be reached. */
export const highestThresholds: Readonly<Partial<Record<AlertRuleName, number>>> = { 'disk-full': 1, 'gpu-hot': 150 };

export const alertChangeSchema = alertRuleSchema.omit({ name: true }).partial().strict();
export type AlertChange = z.infer<typeof alertChangeSchema>;

export const alertSchema = z.object({
  alertId: z.string().max(64),
  rule: alertRuleNameSchema,
  host: hostNameSchema,
  /** The disk, GPU or workspace; undefined where it is the host as a whole. */
  subject: z.string().max(4096).optional(),
  message: z.string().max(4096),
  raisedAt: z.iso.datetime(),
  resolvedAt: z.iso.datetime().optional(),
  /** How often it came about in the half hour before, this time included: more than once, it comes and goes. */
  times: z.int().positive(),
});
export type Alert = z.infer<typeof alertSchema>;

/** What is told of one alert. */
export const alertNoticeSchema = z.object({
  /** The same for each try: a receiver that saw it may ignore it. */
  noticeId: z.string().max(64),
  event: z.enum(['raised', 'resolved', 'test']),
  server: z.string().max(256),
  at: z.iso.datetime(),
  /** Not with a test. */
  alert: alertSchema.optional(),
});
export type AlertNotice = z.infer<typeof alertNoticeSchema>;

/** What a webhook gets as JSON: all that waited, in the order in which it came about. */
export const alertPostSchema = z.object({ notices: z.array(alertNoticeSchema).min(1) });
export type AlertPost = z.infer<typeof alertPostSchema>;

/** `t=<seconds>,v1=<hex of HMAC-SHA256 of "<seconds>.<body>">`, by the channel's secret. */
export const alertSignatureHeader = 'x-agora-signature';

const alertChannelNames = ['webhook', 'mail'] as const;
export const alertChannelNameSchema = z.enum(alertChannelNames);
export type AlertChannelName = z.infer<typeof alertChannelNameSchema>;

/** One, without a name; also within a machine, such as `root@localhost`. */
const mailAddressSchema = z
  .string()
  .max(320)
  .regex(/^[^\s@<>()[\]",;:\\]+@[^\s@<>()[\]",;:\\]+$/, 'must be a mail address such as ops@example.org');
const secretText = z.string().min(1).max(4096);
export const webhookSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: 'must be an address such as https://chat.example.org/hook' }).max(2048),
  secret: secretText,
});
export const mailSchema = z.strictObject({
  /** `smtp://host:587`, or `smtps://host:465`. */
  server: z.url({ protocol: /^smtps?$/, error: 'must be an address such as smtp://mail.example.org:587' }).max(2048),
  user: z.string().max(256).optional(),
  password: secretText.optional(),
  from: mailAddressSchema,
  to: z.array(mailAddressSchema).min(1).max(32),
});
export type Webhook = z.infer<typeof webhookSchema>;
export type Mail = z.infer<typeof mailSchema>;

/** Without its secrets. */
export const alertChannelSchema = z.object({
  name: alertChannelNameSchema,
  /** The address, without a user or a password in it. */
  target: z.string().max(4096),
  lastDeliveredAt: z.iso.datetime().optional(),
  /** Notices that wait, and why the last try failed. */
  waiting: z.int().nonnegative(),
  lastError: z.string().max(4096).optional(),
});
export type AlertChannel = z.infer<typeof alertChannelSchema>;
