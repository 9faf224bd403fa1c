import type { IncomingMessage } from 'node:http';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { Access } from './access.ts';
import { callerWith, userOf } from './authenticate.ts';
import type { UserCaller } from './handler.ts';
import type { OverLimit } from './request-limits.ts';
import type { SessionTickets } from './session-tickets.ts';
import { readUpgrade, type UpgradeRequest } from './upgrade-request.ts';

export interface SessionDoorPorts {
  readonly access: Access;
  readonly tickets: SessionTickets;
  readonly overLimit: OverLimit;
  readonly trustsProxy: boolean;
  /** Told of a user who is known and asks from the page of another place. */
  readonly onRefusal: (caller: UserCaller, address: string) => void;
}

/** Who asks for a link for sessions, by a token or a ticket, and from where. Raises why they are not let in. */
export function callerAtDoor(request: IncomingMessage, ports: SessionDoorPorts) {
  const asked = readUpgrade(request, ports.trustsProxy);
  try {
    return { caller: callerOf(request, asked, ports), address: asked.address };
  } catch (error) {
    if (!isAppError(error, 'unauthenticated')) throw error;
    throw ports.overLimit('failures', asked.address) ?? error;
  }
}

function callerOf(
  { headers }: IncomingMessage,
  asked: UpgradeRequest,
  { access, tickets, onRefusal }: SessionDoorPorts,
): UserCaller {
  const ticket = asked.query.get('ticket');
  const caller = ticket === null ? userOf(headers.authorization, access) : ofTicket(ticket, { access, tickets });
  if (!asked.isForeign) return caller;
  onRefusal(caller, asked.address);
  throw new AppError('refused', `Cannot open a link for sessions: the page "${headers.origin}" is not of this server`, {
    next: 'Behind a proxy, have it pass the host and the scheme on, and start the server with --trust-proxy.',
  });
}

function ofTicket(ticket: string, { access, tickets }: Pick<SessionDoorPorts, 'access' | 'tickets'>): UserCaller {
  const made = tickets.take(ticket);
  const caller = made && callerWith(access, made.tokenId);
  if (caller !== undefined) return caller;
  throw new AppError(
    'unauthenticated',
    'Cannot open a link for sessions: the ticket is unknown, was used or is too old',
    {
      next: 'Ask for another one; each counts once, within 30 s.',
    },
  );
}
