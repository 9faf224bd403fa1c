import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { TLSSocket } from 'node:tls';

/** What is told of a request to upgrade by it, and by a proxy in front where that is believed. */
export interface UpgradeRequest {
  /** An address and no port. */
  readonly address: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Whether a page of another place than this server sent it; no browser, no origin. */
  readonly isForeign: boolean;
}

export function readUpgrade(request: IncomingMessage, trustsProxy: boolean): UpgradeRequest {
  const [path = '', ...query] = (request.url ?? '').split('?');
  const told = (name: string) => (trustsProxy ? lastOf(request.headers[name]) : undefined);
  const forwarded = told('x-forwarded-for') ?? '';
  return {
    address: isIP(forwarded) === 0 ? (request.socket.remoteAddress ?? 'unknown') : forwarded,
    path,
    query: new URLSearchParams(query.join('?')),
    isForeign: isForeign(request.headers.origin, {
      host: told('x-forwarded-host') ?? request.headers.host ?? '',
      // A proxy that tells no scheme may have either.
      schemes: [told('x-forwarded-proto') ?? (request.socket instanceof TLSSocket ? 'https' : 'http')].concat(
        trustsProxy && told('x-forwarded-proto') === undefined ? ['https'] : [],
      ),
    }),
  };
}

function isForeign(
  origin: string | undefined,
  { host, schemes }: { readonly host: string; readonly schemes: readonly string[] },
): boolean {
  if (origin === undefined) return false;
  return !schemes.some((scheme) => {
    const own = `${scheme}://${host}`;
    return URL.canParse(own) && new URL(own).origin === origin;
  });
}

/** The entry of the proxy in front: those before it are what its caller says. */
function lastOf(header: string | string[] | undefined): string | undefined {
  return [header ?? []].flat().join(',').split(',').at(-1)?.trim() || undefined;
}
