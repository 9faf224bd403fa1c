import { AppError } from '../contracts/errors.ts';
import { type Role, roles } from '../contracts/fleet.ts';

/** What a token lets its holder do at most, and until when. Undefined: all that its user may, for ever. */
export interface TokenReach {
  readonly role: Role | undefined;
  readonly expiresAt: string | undefined;
}

export interface WantedReach {
  readonly role?: Role | undefined;
  readonly ttlSeconds?: number | undefined;
}

/**
 * Of a token that is made with another one: what is not said is as that one has it, and nothing goes past it, but for an admin, who
 * could add a user of any reach as well. Raises `refused`.
 */
export function reachOf(
  wanted: WantedReach,
  maker: TokenReach & { readonly isAdmin: boolean },
  { now, userRole }: { readonly now: Date; readonly userRole: Role },
): TokenReach {
  const role = wanted.role ?? maker.role;
  const most = lower(userRole, maker.isAdmin ? undefined : maker.role);
  if (role !== undefined && rankOf(role) > rankOf(most)) {
    throw new AppError('refused', `Cannot make a token for role "${role}": it would be more than "${most}"`, {
      next: 'Ask an admin: agora token create --user <you> --role <role>, or agora user role <you> <role>',
    });
  }
  if (wanted.ttlSeconds === undefined) return { role, expiresAt: maker.expiresAt };
  const expiresAt = new Date(now.getTime() + wanted.ttlSeconds * 1000).toISOString();
  if (!maker.isAdmin && maker.expiresAt !== undefined && expiresAt > maker.expiresAt) {
    throw new AppError(
      'refused',
      `Cannot make a token until ${expiresAt}: the one it is made with ends ${maker.expiresAt}`,
      {
        next: 'Give a shorter --ttl or none, or ask an admin: agora token create --user <you> --ttl <time>',
      },
    );
  }
  return { role, expiresAt };
}

/** What a user may do with a token of this role. */
export function lower(userRole: Role, tokenRole: Role | undefined): Role {
  return tokenRole !== undefined && rankOf(tokenRole) < rankOf(userRole) ? tokenRole : userRole;
}

function rankOf(role: Role): number {
  return roles.indexOf(role);
}
