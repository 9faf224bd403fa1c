import * as z from 'zod';
import { hostNameSchema, userNameSchema } from './fleet-ids.ts';
import type { Routes } from './route.ts';
import { sessionIdSchema } from './session-wire.ts';

export const liveSessionSchema = z.object({
  sessionId: sessionIdSchema,
  /** Who opened it. */
  user: userNameSchema,
  /** Undefined of a log of the server itself. */
  host: hostNameSchema.optional(),
  workspace: z.string().optional(),
  /** `join`: it was opened before this server started, by another viewer. */
  kind: z.enum(['exec', 'attach', 'logs', 'proxy', 'copy-out', 'copy-in', 'join']),
  /** The command, the port, the path, or whose log. */
  what: z.string(),
  openedAt: z.iso.datetime(),
  /** `waiting`: none of its viewers is there for now. */
  state: z.enum(['viewed', 'waiting']),
  /** Who view it now, each as often as they do. */
  viewers: z.array(userNameSchema),
  /** Through this server since it started. */
  inputBytes: z.int().nonnegative(),
  outputBytes: z.int().nonnegative(),
});
export type LiveSession = z.infer<typeof liveSessionSchema>;

/** Sessions of hosts; they themselves go over a WebSocket at `/api/v1/sessions`. */
export const sessionRoutes = {
  listSessions: {
    method: 'GET',
    path: '/api/v1/sessions',
    access: 'viewer',
    summary: 'Lists sessions that are viewed or wait for a viewer, oldest first: yours; for an operator, everybody’s',
    reply: z.object({ sessions: z.array(liveSessionSchema) }),
  },
  endSession: {
    method: 'DELETE',
    path: '/api/v1/sessions/:sessionId',
    access: 'viewer',
    summary: 'Ends a session of yours; for an operator, anybody’s',
    params: z.object({ sessionId: sessionIdSchema }),
    reply: liveSessionSchema,
  },
  createSessionTicket: {
    method: 'POST',
    path: '/api/v1/sessions/tickets',
    access: 'viewer',
    summary: 'Makes a ticket that opens the WebSocket for sessions once, within 30 s, as ?ticket=… in place of a token',
    reply: z.object({ ticket: z.string(), expiresAt: z.iso.datetime() }),
  },
} as const satisfies Routes;
