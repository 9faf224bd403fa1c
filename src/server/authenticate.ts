import { agentAuthorizationScheme } from '../contracts/agent-wire.ts';
import { AppError } from '../contracts/errors.ts';
import type { Access } from './access.ts';
import type { AgentSessions } from './agent-sessions.ts';
import type { Caller, UserCaller } from './handler.ts';
import type { Credentials } from './http.ts';

export interface AuthenticatePorts {
  readonly access: Access;
  readonly sessions: AgentSessions;
}

/** Who sends a request: an agent by its signature, a user by `Bearer <token>`, or nobody. Raises `unauthenticated`. */
export function authenticate(credentials: Credentials, ports: AuthenticatePorts): Caller {
  const { authorization } = credentials;
  return isOfAgent(authorization) ? ports.sessions.authenticate(credentials) : identify(authorization, ports);
}

/** The same by the header alone, before there is a body: that an agent is who it says is yet to be proved by it. */
export function identify(authorization: string | undefined, { access, sessions }: AuthenticatePorts): Caller {
  if (authorization === undefined) return { kind: 'nobody' };
  if (isOfAgent(authorization)) return sessions.identify(authorization);
  return userOf(authorization, access);
}

/** The same of what only users may ask. */
export function userOf(authorization: string | undefined, access: Access): UserCaller {
  const found = authorization === undefined ? undefined : access.userOf(bearerToken(authorization));
  if (found !== undefined) return { kind: 'user', ...found };
  const state = authorization === undefined ? 'no token was given' : 'the token is unknown, was revoked or has expired';
  throw new AppError('unauthenticated', `Cannot sign in: ${state}`, { next: 'Sign in again: agora login <url>' });
}

/** Who was let in by a token before, as it lets them be now; undefined where it is valid no more. */
export function callerWith(access: Access, tokenId: string): UserCaller | undefined {
  const found = access.userWith(tokenId);
  return found === undefined ? undefined : { kind: 'user', ...found };
}

/** For what is no route of `contracts/routes.ts`. */
export function isUserToken(access: Access, authorization: string): boolean {
  return access.userOf(bearerToken(authorization)) !== undefined;
}

function bearerToken(authorization: string): string {
  return /^Bearer (\S+)$/i.exec(authorization)?.[1] ?? '';
}

export function isOfAgent(authorization: string | undefined): boolean {
  return authorization?.startsWith(`${agentAuthorizationScheme} `) === true;
}
