import { AppError } from '../contracts/errors.ts';
import type { LiveSession, sessionRoutes } from '../contracts/routes-sessions.ts';
import { actorOf } from './access.ts';
import type { ActivityLog } from './activity.ts';
import type { Handlers, UserCaller } from './handler.ts';
import type { Relay } from './relay.ts';
import type { SessionTickets } from './session-tickets.ts';

export interface SessionPorts {
  readonly relay: Pick<Relay, 'list' | 'end'>;
  readonly tickets: SessionTickets;
  readonly activity: ActivityLog;
}

export function sessionHandlers({ relay, tickets, activity }: SessionPorts): Handlers<keyof typeof sessionRoutes> {
  return {
    listSessions: ({ caller }) => ({ sessions: relay.list().filter((session) => maySee(caller, session)) }),
    endSession: async ({ params: { sessionId }, caller, signal }) => {
      // What one host calls a session says nothing about those of another.
      const found = relay.list().filter((session) => session.sessionId === sessionId && maySee(caller, session));
      const [first] = found;
      if (first === undefined) {
        const state = 'it has ended, or never was';
        throw new AppError('not-found', `Cannot end session "${sessionId}": ${state}`, {
          next: 'See agora host sessions',
        });
      }
      for (const session of found) {
        await relay.end(session, caller, signal);
        const subject = session.host === undefined ? 'server' : `host:${session.host}`;
        const { user, kind, workspace, what } = session;
        const details = { session: sessionId, user, kind, workspace, what };
        activity.add({ actor: actorOf(caller), action: 'session.end', subject, details });
      }
      return first;
    },
    createSessionTicket: ({ caller }) => tickets.make(caller),
  };
}

/** Their own; operators, who may have any, those of all. */
function maySee({ user: { name, role } }: UserCaller, { user, viewers }: LiveSession): boolean {
  return role !== 'viewer' || user === name || viewers.includes(name);
}
