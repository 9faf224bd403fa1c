import * as z from 'zod';
import { admissionSchema, hostFactsSchema, hostSettingsSchema } from './fleet.ts';
import { hostIdSchema, hostNameSchema, publicKeySchema, registrationTokenSchema } from './fleet-ids.ts';
import { changeStages, planProblemSchema, stepReportSchema, workspaceStatusSchema } from './host-change.ts';
import { hostObservationSchema } from './host-observation.ts';
import { hostSpecSchema } from './host-spec.ts';
import { digestSchema } from './ids.ts';
import { metricsSampleSchema } from './metrics.ts';

/** What agents and servers of different releases tell each other; a server refuses one it does not speak. */
export const agentProtocol = 1;

const nonceSchema = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be 32 bytes in base64url');
/** Ed25519 (RFC 8032), base64url without padding. */
const signatureSchema = z.string().regex(/^[A-Za-z0-9_-]{86}$/, 'must be 64 bytes in base64url');

/** The agent asks who is there. */
export const helloRequestSchema = z.strictObject({ protocol: z.int(), nonce: nonceSchema });
export const helloReplySchema = z.object({
  protocol: z.int(),
  serverKey: publicKeySchema,
  /** Used up by one registration, within a minute. */
  challenge: nonceSchema,
  serverTime: z.iso.datetime(),
  /** By the server's key, of the JCS of `{nonce, challenge}`. */
  signature: signatureSchema,
});

const registrationSchema = z.strictObject({
  protocol: z.int(),
  challenge: nonceSchema,
  /** Ed25519: proves every later request. */
  publicKey: publicKeySchema,
  /** X25519: secrets are sealed to it. */
  sealingKey: publicKeySchema,
  registrationToken: registrationTokenSchema,
  name: hostNameSchema,
  /** Random, one per start of an agent. */
  instanceId: nonceSchema,
  joinToken: z.string().max(512).optional(),
  /** The key that this one takes the place of, which the server asked for: by it, of the JCS of `{publicKey, challenge}`. */
  previous: z.strictObject({ publicKey: publicKeySchema, signature: signatureSchema }).optional(),
  facts: hostFactsSchema,
});
/** With the agent's signature of the JCS of the registration and the server's key it believes to talk to. */
export const registerRequestSchema = z.strictObject({ registration: registrationSchema, signature: signatureSchema });
export type Registration = z.infer<typeof registrationSchema>;

export const registerReplySchema = z.object({
  hostId: hostIdSchema,
  /** As the server calls it; differs where the name was taken. */
  name: hostNameSchema,
  admission: admissionSchema,
  sessionId: nonceSchema,
  settings: hostSettingsSchema,
  serverTime: z.iso.datetime(),
});
export type RegisterReply = z.infer<typeof registerReplySchema>;

/**
 * Every request after registration carries `authorization: Agora-Agent <sessionId> <sequence> <signature>`: a signature of the JCS of
 * `{session, sequence, method, path, body}`, the body as its sha256. A sequence number counts once, and those more than 256 behind the
 * highest are refused.
 */
export const agentAuthorizationScheme = 'Agora-Agent';
export const sequenceWindow = 256;

/** X25519 with an ephemeral key, HKDF-SHA256, AES-256-GCM; all base64url. */
const sealedBoxSchema = z.strictObject({
  ephemeralKey: publicKeySchema,
  nonce: z.string().regex(/^[A-Za-z0-9_-]{16}$/),
  ciphertext: z.string().max(2 * 1024 * 1024),
});

export const desiredStateSchema = z.object({
  hostId: hostIdSchema,
  revision: z.int().positive(),
  specDigest: digestSchema,
  spec: hostSpecSchema,
  /** Values of the spec's secrets by their refs, each sealed to the host, with its ref as context. */
  sealed: z.record(z.string(), sealedBoxSchema),
  /** By ref: changes with the value and does not tell it, so that a new value makes a workspace again. */
  secretDigests: z.record(z.string(), z.string().max(128)).optional(),
});
export type DesiredState = z.infer<typeof desiredStateSchema>;
/** With the server's signature of the JCS of the state. An older revision than the last is refused by the agent. */
export const signedDesiredStateSchema = z.object({ state: desiredStateSchema, signature: signatureSchema });
/** As a server sends it: what is as by default may be left out. */
export type SignedDesiredState = z.input<typeof signedDesiredStateSchema>;

const engineStateSchema = z.object({ isUp: z.boolean(), message: z.string().max(1024).optional() });

export const heartbeatSchema = z.strictObject({
  agentTime: z.iso.datetime(),
  engine: engineStateSchema,
  facts: hostFactsSchema.optional(),
  /** Oldest first; more than one after a time without the server. */
  samples: z.array(metricsSampleSchema).max(1_000),
});
export type Heartbeat = z.infer<typeof heartbeatSchema>;
export const heartbeatReplySchema = z.object({
  admission: admissionSchema,
  name: hostNameSchema,
  settings: hostSettingsSchema,
  desiredRevision: z.int().positive().optional(),
  /** The agent shall make new keys and register with them. */
  wantsNewKeys: z.boolean().default(false),
  serverTime: z.iso.datetime(),
});
export type HeartbeatReply = z.infer<typeof heartbeatReplySchema>;

/** What an agent saw and did. What is left out is not known, never none. */
export const hostReportSchema = z.strictObject({
  /** Counts up within a session: an older one than the last is ignored. */
  sequence: z.int().positive(),
  observation: hostObservationSchema.optional(),
  /** The revision that the following speaks of. */
  revision: z.int().positive().optional(),
  times: z.partialRecord(z.enum(changeStages), z.iso.datetime()).optional(),
  steps: z.array(stepReportSchema).max(10_000).optional(),
  workspaces: z.array(workspaceStatusSchema).max(2_000).optional(),
  problems: z.array(planProblemSchema).max(2_000).optional(),
});
export type HostReport = z.infer<typeof hostReportSchema>;

/** What a server says on the realtime socket, as JSON text; anything else there is for sessions. */
export const nudgeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('desired'), revision: z.int().positive() }),
  z.object({ kind: z.literal('settings') }),
  /** Wants a sample each second until then. */
  z.object({ kind: z.literal('live'), seconds: z.number().min(0).max(600) }),
  z.object({ kind: z.literal('cancel-build'), buildId: z.string().max(64) }),
]);
export type Nudge = z.infer<typeof nudgeSchema>;

/** What an agent says there: a live sample. */
export const socketReportSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('sample'), sample: metricsSampleSchema }),
]);
