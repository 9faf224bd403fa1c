import type { peopleRoutes } from '../contracts/routes-people.ts';
import { type Access, actorOf } from './access.ts';
import type { ActivityLog } from './activity.ts';
import type { Handlers } from './handler.ts';

export interface PeoplePorts {
  readonly access: Access;
  readonly activity: ActivityLog;
  readonly server: { readonly version: string; readonly name: string };
  /** Of the server's key. */
  readonly fingerprint: string;
}

export function peopleHandlers({
  access,
  activity,
  server,
  fingerprint,
}: PeoplePorts): Handlers<keyof typeof peopleRoutes> {
  return {
    whoAmI: ({ caller }) => ({ ...caller.user, server }),
    listUsers: () => ({ users: access.users() }),
    addUser: ({ body, caller }) => access.addUser(body.name, body.role, actorOf(caller)),
    changeUser: ({ params, body, caller }) => access.changeRole(params.user, body.role, actorOf(caller)),
    removeUser: ({ params, caller }) => {
      access.removeUser(params.user, actorOf(caller));
    },
    listTokens: ({ caller }) => ({ tokens: access.tokensOf(caller) }),
    createToken: ({ body, caller }) => access.createToken(caller, body),
    revokeToken: ({ params, query, caller }) => ({ revoked: access.revokeToken(params.tokenId, caller, query) }),
    listJoinTokens: () => ({ joinTokens: access.joinTokens.list() }),
    createJoinToken: ({ body, caller }) => access.joinTokens.create({ ...body, fingerprint }, caller.user.name),
    revokeJoinToken: ({ params, caller }) => {
      access.joinTokens.revoke(params.tokenId, actorOf(caller));
    },
    listActivity: ({ query }) => ({ activity: activity.list(query) }),
  };
}
