import * as z from 'zod';
import { fingerprintSchema, hostIdSchema, hostNameSchema, publicKeySchema, userNameSchema } from './fleet-ids.ts';

/** Each may do what those before it may. */
export const roles = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];
export const roleSchema = z.enum(roles);

/** What a server tells each of its agents, at connect and with every heartbeat. */
export const hostSettingsSchema = z.object({
  /** False stops applies and builds; heartbeats go on and workloads are left as they are. */
  enabled: z.boolean().default(true),
  heartbeatSeconds: z.number().min(1).max(3600).default(10),
  /** Between two looks at the engine when nothing told of a change. */
  reconcileSeconds: z.number().min(1).max(86_400).default(30),
  pullTimeoutSeconds: z.number().min(1).max(86_400).default(1800),
  pushTimeoutSeconds: z.number().min(1).max(86_400).default(1800),
  buildTimeoutSeconds: z.number().min(1).max(86_400).default(3600),
  /** Free space, in bytes, below which nothing is pulled, built or created. */
  diskReserveBytes: z
    .int()
    .nonnegative()
    .default(1024 * 1024 * 1024),
  metrics: z
    .object({
      host: z.boolean().default(true),
      gpu: z.boolean().default(true),
      workspaces: z.boolean().default(true),
      retentionDays: z.number().min(1).max(3650).default(30),
    })
    .prefault({}),
});
export type HostSettings = z.infer<typeof hostSettingsSchema>;
export const defaultHostSettings: HostSettings = hostSettingsSchema.parse({});

/** What an agent says of the machine it is on. */
export const hostFactsSchema = z.object({
  agentVersion: z.string().max(64),
  operatingSystem: z.string().max(256),
  kernel: z.string().max(256),
  architecture: z.string().max(64),
  cpus: z.int().nonnegative(),
  memoryBytes: z.int().nonnegative(),
  engine: z.object({ name: z.string().max(64), version: z.string().max(64), address: z.string().max(1024) }).optional(),
  gpus: z.array(z.string().max(256)).max(64),
  /** It runs in a container itself. */
  isContainer: z.boolean(),
  /** Where host metrics come from: `host` files, a `helper` container, or only the `engine`. */
  metricsFrom: z.enum(['host', 'helper', 'engine']),
});
export type HostFacts = z.infer<typeof hostFactsSchema>;

/** Three facts, each with its own clock. */
const hostLinkSchema = z.object({
  /** `online`: its last sign of life is younger than three heartbeats; `unknown`: the server has not been up for that long. */
  link: z.enum(['online', 'offline', 'unknown']),
  lastSeenAt: z.iso.datetime().optional(),
  /** Whether its realtime socket is open. */
  hasSocket: z.boolean(),
  /** Whether the connection is encrypted. */
  isEncrypted: z.boolean(),
  agentStartedAt: z.iso.datetime().optional(),
  /** What the agent last said of its engine. */
  engine: z.enum(['up', 'down', 'unknown']),
  engineSince: z.iso.datetime().optional(),
});
export type HostLink = z.infer<typeof hostLinkSchema>;

export const admissionSchema = z.enum(['pending', 'admitted', 'revoked', 'duplicate']);

export const hostSchema = z.object({
  hostId: hostIdSchema,
  name: hostNameSchema,
  admission: admissionSchema,
  publicKey: publicKeySchema,
  fingerprint: fingerprintSchema,
  /** Another host that gave the same registration token: the same machine, or a clone of it. */
  sameMachineAs: hostNameSchema.optional(),
  /** Where its last request came from. */
  address: z.string().max(256),
  enrolledAt: z.iso.datetime(),
  link: hostLinkSchema,
  facts: hostFactsSchema.optional(),
  settings: hostSettingsSchema,
  /** Of what is declared, of what it runs; undefined before the first. */
  desiredRevision: z.int().positive().optional(),
  appliedRevision: z.int().positive().optional(),
});
export type Host = z.infer<typeof hostSchema>;

export const userSchema = z.object({ name: userNameSchema, role: roleSchema, createdAt: z.iso.datetime() });
export type User = z.infer<typeof userSchema>;

export const userTokenSchema = z.object({
  tokenId: z.string().max(64),
  user: userNameSchema,
  /** The most that it lets its user do. Undefined: all that they may. */
  role: roleSchema.optional(),
  label: z.string().max(128),
  createdAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime().optional(),
  expiresAt: z.iso.datetime().optional(),
  /** The id of the token that its user made it with, and which it ends with. */
  madeWith: z.string().max(64).optional(),
});
export type UserToken = z.infer<typeof userTokenSchema>;

export const joinTokenSchema = z.object({
  tokenId: z.string().max(64),
  createdBy: userNameSchema,
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  usesLeft: z.int().nonnegative(),
});
export type JoinToken = z.infer<typeof joinTokenSchema>;

/** One entry of the activity log, which is only ever added to. */
export const activitySchema = z.object({
  sequence: z.int().positive(),
  at: z.iso.datetime(),
  /** `user:<name>`, `host:<name>` or `server`. */
  actor: z.string().max(256),
  /** Such as `host.approve`, `spec.apply`, `token.create`, `refused`. */
  action: z.string().max(64),
  subject: z.string().max(256),
  details: z.record(z.string(), z.unknown()),
});
export type Activity = z.infer<typeof activitySchema>;
