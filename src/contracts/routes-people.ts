import * as z from 'zod';
import { activitySchema, joinTokenSchema, roleSchema, userSchema, userTokenSchema } from './fleet.ts';
import { userNameSchema } from './fleet-ids.ts';
import type { Routes } from './route.ts';

const tokenParams = z.object({ tokenId: z.string().max(64) });
const userParams = z.object({ user: userNameSchema });
const ttlSchema = z
  .number()
  .positive()
  .max(10 * 365 * 86_400);

/** Users, their tokens, and what was done. */
export const peopleRoutes = {
  whoAmI: {
    method: 'GET',
    path: '/api/v1/whoami',
    access: 'viewer',
    summary: 'Tells whose token this is',
    reply: userSchema.extend({ server: z.object({ version: z.string(), name: z.string() }) }),
  },
  listUsers: {
    method: 'GET',
    path: '/api/v1/users',
    access: 'admin',
    summary: 'Lists users',
    reply: z.object({ users: z.array(userSchema) }),
  },
  addUser: {
    method: 'POST',
    path: '/api/v1/users',
    access: 'admin',
    summary: 'Adds a user; the reply has the only copy of their first token',
    body: z.strictObject({ name: userNameSchema, role: roleSchema }),
    reply: z.object({ user: userSchema, token: z.string() }),
  },
  changeUser: {
    method: 'PATCH',
    path: '/api/v1/users/:user',
    access: 'admin',
    summary: "Changes a user's role",
    params: userParams,
    body: z.strictObject({ role: roleSchema }),
    reply: userSchema,
  },
  removeUser: {
    method: 'DELETE',
    path: '/api/v1/users/:user',
    access: 'admin',
    summary: 'Removes a user and their tokens',
    params: userParams,
    reply: 'nothing',
  },
  listTokens: {
    method: 'GET',
    path: '/api/v1/tokens',
    access: 'viewer',
    summary: 'Lists your tokens; for an admin, everybody’s',
    reply: z.object({ tokens: z.array(userTokenSchema) }),
  },
  createToken: {
    method: 'POST',
    path: '/api/v1/tokens',
    access: 'viewer',
    summary:
      'Makes another token of yours, that reaches no further than the one it is made with; for an admin, of anybody’s and any reach',
    body: z.strictObject({
      label: z.string().min(1).max(128),
      ttlSeconds: ttlSchema.optional(),
      /** The most that it lets its user do. */
      role: roleSchema.optional(),
      /** Whose it is. Default: yours. */
      user: userNameSchema.optional(),
    }),
    /** Its only copy. */
    reply: z.object({ token: z.string(), tokenId: z.string(), expiresAt: z.iso.datetime().optional() }),
  },
  revokeToken: {
    method: 'DELETE',
    path: '/api/v1/tokens/:tokenId',
    access: 'viewer',
    summary: 'Revokes a token of yours, and those that were made with it; for an admin, anybody’s',
    params: tokenParams,
    /** `keep`: those that were made with it stay. */
    query: z.object({ made: z.enum(['revoke', 'keep']).default('revoke') }),
    /** Itself first. */
    reply: z.object({ revoked: z.array(userTokenSchema) }),
  },
  listJoinTokens: {
    method: 'GET',
    path: '/api/v1/join-tokens',
    access: 'admin',
    summary: 'Lists the tokens that admit hosts',
    reply: z.object({ joinTokens: z.array(joinTokenSchema) }),
  },
  createJoinToken: {
    method: 'POST',
    path: '/api/v1/join-tokens',
    access: 'admin',
    summary: 'Makes a token that admits hosts; the reply has its only copy',
    body: z.strictObject({ uses: z.int().positive().max(100_000).default(1), ttlSeconds: ttlSchema.default(3_600) }),
    reply: z.object({ joinToken: z.string(), tokenId: z.string() }),
  },
  revokeJoinToken: {
    method: 'DELETE',
    path: '/api/v1/join-tokens/:tokenId',
    access: 'admin',
    summary: 'Revokes a token that admits hosts',
    params: tokenParams,
    reply: 'nothing',
  },
  listActivity: {
    method: 'GET',
    path: '/api/v1/activity',
    access: 'viewer',
    summary: 'Lists what was done, newest first',
    query: z.object({
      before: z.coerce.number().int().positive().optional(),
      limit: z.coerce.number().int().min(1).max(1_000).default(100),
      subject: z.string().max(256).optional(),
    }),
    reply: z.object({ activity: z.array(activitySchema) }),
  },
} as const satisfies Routes;
