import type { IncomingMessage } from 'node:http';
import { seeRequest } from './seen-request.ts';

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
  const { headers, url = '' } = request;
  const [path = '', ...query] = url.split('?');
  const { address, host, scheme } = seeRequest(request, trustsProxy);
  // A proxy that tells no scheme may have either.
  const schemes = trustsProxy && headers['x-forwarded-proto'] === undefined ? ['http', 'https'] : [scheme];
  return {
    address,
    path,
    query: new URLSearchParams(query.join('?')),
    isForeign: headers.origin !== undefined && !schemes.some((own) => isOrigin(headers.origin, `${own}://${host}`)),
  };
}

function isOrigin(origin: string | undefined, own: string): boolean {
  return URL.canParse(own) && new URL(own).origin === origin;
}
