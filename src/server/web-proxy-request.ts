import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { TLSSocket } from 'node:tls';

/** A request as its sender sees it, by what a proxy in front tells where that is believed. */
export interface SeenRequest {
  /** An address and no port. */
  readonly address: string;
  /** What it was sent to, with a port unless that is the scheme's own. */
  readonly host: string;
  readonly scheme: 'http' | 'https';
}

export function seeRequest({ headers, socket }: IncomingMessage, trustsProxy: boolean): SeenRequest {
  const told = (name: string) => (trustsProxy ? lastOf(headers[name]) : undefined);
  const forwarded = told('x-forwarded-for') ?? '';
  const own = socket instanceof TLSSocket ? 'https' : 'http';
  const scheme = told('x-forwarded-proto') ?? own;
  return {
    address: isIP(forwarded) === 0 ? (socket.remoteAddress ?? 'unknown') : forwarded,
    host: (told('x-forwarded-host') ?? headers.host ?? '').toLowerCase(),
    scheme: scheme === 'https' ? 'https' : 'http',
  };
}

/**
 * Whether a page of another place made a browser send it, where `host` is ours. To follow a link here is fine. Without TLS browsers say
 * only for some requests whence they come: what then is left is what `SameSite` of our cookie lets through.
 */
export function isForeign({ method, headers }: Pick<IncomingMessage, 'method' | 'headers'>, host: string) {
  const site = headers['sec-fetch-site'];
  if (site === 'same-origin' || site === 'none') return false;
  if (site !== undefined) return !isVisit(method, headers);
  const { origin } = headers;
  if (origin === undefined) return false;
  if (!URL.canParse(origin)) return true;
  const page = new URL(origin);
  // A proxy in front may tell the name alone.
  return host !== page.host && host !== page.hostname;
}

/** Of a person to a page, which no other page sees into. */
function isVisit(method: string | undefined, headers: IncomingHttpHeaders): boolean {
  const isRead = method === 'GET' || method === 'HEAD';
  return isRead && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
}

/** The entry of the proxy in front: those before it are what its caller says. */
function lastOf(header: string | string[] | undefined): string | undefined {
  return [header ?? []].flat().join(',').split(',').at(-1)?.trim() || undefined;
}
