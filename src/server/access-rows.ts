import type { SqlRow } from '../base/sqlite-database.ts';
import { roleSchema, type User, type UserToken, userSchema, userTokenSchema } from '../contracts/fleet.ts';
import type { TokenReach } from './token-reach.ts';

export function userFromRow(row: SqlRow): User {
  return userSchema.parse({ name: row['name'], role: row['role'], createdAt: row['created_at'] });
}

export function reachFromRow(row: SqlRow): TokenReach {
  const expiresAt = row['expires_at'];
  return {
    role: roleSchema.optional().parse(row['token_role'] ?? undefined),
    expiresAt: typeof expiresAt === 'string' ? expiresAt : undefined,
  };
}

export function tokenFromRow(row: SqlRow): UserToken {
  return userTokenSchema.parse({
    tokenId: row['token_id'],
    user: row['user'],
    role: row['role'] ?? undefined,
    label: row['label'],
    createdAt: row['created_at'],
    lastUsedAt: row['last_used_at'] ?? undefined,
    expiresAt: row['expires_at'] ?? undefined,
    madeWith: row['made_with'] ?? undefined,
  });
}
