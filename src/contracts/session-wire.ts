import * as z from 'zod';
import { roleSchema } from './fleet.ts';
import { hostNameSchema, userNameSchema } from './fleet-ids.ts';

/** docs/reference/session-protocol.md, version 1. */
export const sessionSubprotocol = 'agora.sessions.1';
export const sessionsPath = '/api/v1/sessions';

export const frameTypes = { open: 1, accept: 2, data: 3, credit: 4, control: 5, end: 6, close: 7 } as const;
export type FrameType = keyof typeof frameTypes;

export const channels = { input: 0, output: 1, error: 2 } as const;
export type Channel = keyof typeof channels;

export const sessionLimits = {
  /** Of the bytes of one DATA frame. */
  dataBytes: 65_536,
  /** Of those that are made here: some fit into one read of a socket, which need not be put together then. */
  pieceBytes: 16 * 1024,
  jsonBytes: 16 * 1024,
  messageBytes: 70_000,
  /** Of the largest offset: 2^48 - 1. */
  offset: 281_474_976_710_655,
  callerStreams: 256,
  agentStreams: 4_096,
  windowBytes: 256 * 1024,
  copyWindowBytes: 1024 * 1024,
  /** Of output that is kept for a viewer that comes back. */
  replayBytes: 1024 * 1024,
  /** Of data that is handed to a socket and not sent. */
  aheadBytes: 128 * 1024,
  lingerSeconds: 300,
} as const;

const nameSchema = z.string().min(1).max(255);
const offsetSchema = z.int().min(0).max(sessionLimits.offset);
const windowSchema = z.int().min(1_024).max(sessionLimits.copyWindowBytes);
/** What people call a session; knowing it gives nothing. */
export const sessionIdSchema = z.string().regex(/^s-[a-z2-7]{10}$/, 'must be s- and 10 characters of a-z 2-7');
/** Of one viewer of a session: with it the same user comes back to where they were. */
export const seatSchema = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be 32 bytes in base64url');
/** Of a terminal, in characters. */
const sideSchema = z.int().min(1).max(65_535);
export const terminalSizeSchema = z.strictObject({ columns: sideSchema, rows: sideSchema });
export type TerminalSize = z.infer<typeof terminalSizeSchema>;

export const sessionSpecSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('exec'),
    workspace: nameSchema,
    command: z.array(z.string().max(8_192)).min(1).max(1_024),
    /** Lines `NAME=value`. */
    env: z.array(z.string().max(8_192)).max(256).default([]),
    user: z.string().max(255).optional(),
    workdir: z.string().max(4_096).optional(),
    /** Whether there is any input. */
    interactive: z.boolean().default(false),
    /** With one, all output is one channel. */
    terminal: terminalSizeSchema.optional(),
  }),
  z.strictObject({
    kind: z.literal('attach'),
    workspace: nameSchema,
    interactive: z.boolean().default(true),
    terminal: terminalSizeSchema.optional(),
  }),
  z.strictObject({
    kind: z.literal('logs'),
    source: z.discriminatedUnion('of', [
      z.strictObject({ of: z.literal('workspace'), name: nameSchema }),
      z.strictObject({ of: z.literal('agent') }),
      z.strictObject({ of: z.literal('server') }),
      z.strictObject({ of: z.literal('build'), id: z.string().min(1).max(64) }),
    ]),
    follow: z.boolean().default(false),
    since: z.iso.datetime().optional(),
    /** Of the last lines. Default: all. */
    tail: z.int().min(0).max(1_000_000).optional(),
    timestamps: z.boolean().default(false),
  }),
  z.strictObject({ kind: z.literal('proxy'), workspace: nameSchema, port: z.int().min(1).max(65_535) }),
  /** Input of `copy-in` and output of `copy-out` are a tar. */
  z.strictObject({ kind: z.literal('copy-out'), workspace: nameSchema, path: z.string().min(1).max(4_096) }),
  z.strictObject({ kind: z.literal('copy-in'), workspace: nameSchema, path: z.string().min(1).max(4_096) }),
  /** One more viewer of a session of this user, or of anybody's for an admin. */
  z.strictObject({ kind: z.literal('join'), sessionId: sessionIdSchema }),
]);
export type SessionSpec = z.infer<typeof sessionSpecSchema>;

const opening = {
  session: sessionSpecSchema,
  window: windowSchema,
  /** That it takes, at random: opened again with it, where the answer was lost, nothing is started twice. */
  seat: seatSchema.optional(),
  /** `credit`: how far the caller lets output go; what it has not read yet still counts. */
  resume: z.strictObject({ seat: seatSchema, received: offsetSchema, credit: offsetSchema }).optional(),
};
/** As a caller sends it to a server. Without a host: of the server itself, whose log it is. */
export const openSchema = z.strictObject({ ...opening, host: hostNameSchema.optional() });
export type Open = z.infer<typeof openSchema>;
/** As a server passes it on to the agent. */
export const relayedOpenSchema = z.strictObject({ ...opening, actor: userNameSchema, role: roleSchema });
export type RelayedOpen = z.infer<typeof relayedOpenSchema>;

export const acceptSchema = z.strictObject({
  sessionId: sessionIdSchema,
  seat: seatSchema,
  output: offsetSchema,
  input: offsetSchema,
  window: windowSchema,
  /** How far input may go. */
  credit: offsetSchema,
  terminal: z.boolean(),
  lingerSeconds: z.int().min(0).max(86_400),
});
export type Accept = z.infer<typeof acceptSchema>;

export const callerEventSchema = z.discriminatedUnion('event', [
  z.strictObject({ event: z.literal('resize'), ...terminalSizeSchema.shape }),
  z.strictObject({ event: z.literal('signal'), name: z.string().regex(/^SIG[A-Z0-9]{1,12}$/) }),
]);
export type CallerEvent = z.infer<typeof callerEventSchema>;
export const agentEventSchema = z.discriminatedUnion('event', [
  z.strictObject({ event: z.literal('exit'), code: z.int().min(0).max(255), signal: z.string().max(32).optional() }),
  z.strictObject({ event: z.literal('gap'), offset: offsetSchema }),
  z.strictObject({ event: z.literal('notice'), text: z.string().max(1_024) }),
]);
export type AgentEvent = z.infer<typeof agentEventSchema>;

export const closeCodes = [
  'done',
  'cancelled',
  'detached',
  'host-away',
  'server-stopping',
  'session-lost',
  'refused',
  'not-found',
  'unreachable',
  'limit-exceeded',
  'timed-out',
  'protocol',
  'internal',
] as const;
export type CloseCode = (typeof closeCodes)[number];
export const closeSchema = z.strictObject({
  code: z.enum(closeCodes),
  message: z.string().max(2_048),
  next: z.string().max(1_024).optional(),
});
export type Close = z.infer<typeof closeSchema>;
