import type { IncomingMessage } from 'node:http';
import { AppError } from '../contracts/errors.ts';
import type { UserCaller } from './handler.ts';
import type { SeenRequest } from './seen-request.ts';
import { isSamePlace, labelOf, pathOf, type WebAddress, type WebPlace } from './web-proxy-address.ts';
import { cookiesNamed, webCookie, webCookieName } from './web-proxy-cookies.ts';
import { isForeign } from './web-proxy-request.ts';
import type { WebSession, WebSessions } from './web-proxy-sessions.ts';

export interface EntryPorts {
  readonly sessions: WebSessions;
  /** Who was let in by this token, as it lets them be now; undefined where it is valid no more. */
  readonly callerNow: (tokenId: string) => UserCaller | undefined;
  /** Whose `authorization` it is. Raises `unauthenticated`; undefined for what is no user's. */
  readonly callerOf: (authorization: string) => UserCaller | undefined;
}

/** A request of somebody for a workspace; whether their role is enough is not looked at. */
export interface Admitted {
  readonly kind: 'in';
  readonly caller: UserCaller;
  readonly place: WebPlace;
  /** What stands before the workspace's own paths; empty where it has a name of its own. */
  readonly prefix: string;
  /** What the workspace is asked for. */
  readonly path: string;
  /** Whether its `authorization` let it in, which then is for nobody else. */
  readonly isByToken: boolean;
}

export type Entry =
  | Admitted
  /** To be asked there instead. */
  | { readonly kind: 'elsewhere'; readonly location: string; readonly cookie?: string };

export const ticketParameter = 'agora-ticket';
/** The first part of a path that lets a page in: see docs/how-to/open-a-port-in-a-browser.md. */
const keyPattern = /^\/~([A-Za-z0-9_-]{43})((?:[/?].*)?)$/;

/** Who a request is of, and where it goes. Raises `unauthenticated` and `refused`. */
export function enter(request: IncomingMessage, address: WebAddress, seen: SeenRequest, ports: EntryPorts): Entry {
  return address.form === 'origin' ? enterOrigin(request, address, seen, ports) : enterPath(request, address, ports);
}

function enterOrigin(
  request: IncomingMessage,
  { label, path }: Extract<WebAddress, { form: 'origin' }>,
  { host, scheme }: SeenRequest,
  { sessions, callerNow }: EntryPorts,
): Entry {
  if (!path.startsWith('/')) throw new AppError('invalid-input', 'Cannot read the request: it names no path');
  const isEncrypted = scheme === 'https';
  const isHere = (place: WebPlace) => labelOf(place) === label;
  const session = cookiesNamed(request.headers.cookie, webCookieName(isEncrypted))
    .map((secret) => sessions.find(secret))
    .find((found) => found !== undefined && isHere(found.place));
  const { ticket, rest } = withoutTicket(path);
  if (ticket !== undefined && request.method === 'GET') {
    const secret = sessions.redeem(ticket, isHere);
    if (secret !== undefined) return { kind: 'elsewhere', location: rest, cookie: webCookie(secret, isEncrypted) };
    // It was opened before, in this very browser.
    if (session !== undefined) return { kind: 'elsewhere', location: rest };
    throw usedTicket(undefined);
  }
  if (session === undefined) throw notSignedIn(undefined);
  if (isForeign(request, host)) throw foreign();
  return { ...admitted(session, callerNow), prefix: '', path };
}

/**
 * No cookie: pages below one name would share it, and a page in a sandbox has none. What a page is let in by is part of its address, which only it
 * and whoever opened it know.
 */
function enterPath(
  request: IncomingMessage,
  { place, prefix, path }: Extract<WebAddress, { form: 'path' }>,
  { sessions, callerNow, callerOf }: EntryPorts,
): Entry {
  if (!path.startsWith('/')) return { kind: 'elsewhere', location: `${prefix}/${path}` };
  const [, key = '', below = ''] = keyPattern.exec(path) ?? [];
  const session = sessions.find(key);
  if (session !== undefined && isSamePlace(session.place, place)) {
    const own = `${prefix}/~${key}`;
    if (!below.startsWith('/')) return { kind: 'elsewhere', location: `${own}/${below}` };
    return { ...admitted(session, callerNow), prefix: own, path: below };
  }
  const { ticket, rest } = withoutTicket(path);
  if (ticket !== undefined && request.method === 'GET') {
    const secret = sessions.redeem(ticket, (of) => isSamePlace(of, place));
    if (secret !== undefined) return { kind: 'elsewhere', location: `${prefix}/~${secret}${rest}` };
    throw usedTicket(place);
  }
  const { authorization } = request.headers;
  const caller = authorization === undefined ? undefined : callerOf(authorization);
  if (caller === undefined) throw notSignedIn(place);
  return { kind: 'in', caller, place, prefix, path, isByToken: true };
}

function admitted({ place, tokenId }: WebSession, callerNow: EntryPorts['callerNow']) {
  const caller = callerNow(tokenId);
  if (caller === undefined) throw notSignedIn(place);
  return { kind: 'in', caller, place, isByToken: false } as const;
}

function withoutTicket(path: string): { readonly ticket: string | undefined; readonly rest: string } {
  const [file = '', ...queries] = path.split('?');
  const parts = queries.join('?').split('&');
  const isTicket = (part: string) => part.startsWith(`${ticketParameter}=`);
  const ticket = parts.find(isTicket)?.slice(ticketParameter.length + 1);
  if (ticket === undefined) return { ticket, rest: path };
  const kept = parts.filter((part) => !isTicket(part)).join('&');
  // With two slashes first, or what browsers take for them, it would be an address of another server.
  return { ticket, rest: `${file.replace(/^[\\/]+/, '/')}${kept === '' ? '' : `?${kept}`}` };
}

function notSignedIn(place: WebPlace | undefined): AppError {
  return new AppError(
    'unauthenticated',
    `Cannot open this port${nameOf(place)}: nobody is signed in, or not any more`,
    {
      next: newAddress(place),
    },
  );
}

function usedTicket(place: WebPlace | undefined): AppError {
  return new AppError(
    'unauthenticated',
    `Cannot open this port${nameOf(place)}: this address was opened already, or is too old`,
    {
      next: newAddress(place),
    },
  );
}

function foreign(): AppError {
  return new AppError('refused', 'Cannot take this request: a page of another address sent it', {
    next: 'Open the address itself in a tab of its own.',
  });
}

function nameOf(place: WebPlace | undefined): string {
  return place === undefined ? '' : ` "${pathOf(place)}"`;
}

function newAddress(place: WebPlace | undefined): string {
  const { host = 'HOST', workspace = 'WORKSPACE', port = 'PORT' } = place ?? {};
  return `Get a new address: agora host proxy ${host}/${workspace} ${port} --url`;
}
