import type { IncomingMessage } from 'node:http';
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
  const own = { address: socket.remoteAddress ?? 'unknown', scheme: socket instanceof TLSSocket ? 'https' : 'http' };
  const told = (name: string) => (trustsProxy ? lastOf(headers[name]) : undefined);
  const address = told('x-forwarded-for') ?? '';
  const scheme = told('x-forwarded-proto') ?? own.scheme;
  return {
    address: isIP(address) === 0 ? own.address : address,
    host: (told('x-forwarded-host') ?? headers.host ?? '').toLowerCase(),
    scheme: scheme === 'https' ? 'https' : 'http',
  };
}

/** The entry of the proxy in front: those before it are what its caller says. */
function lastOf(header: string | string[] | undefined): string | undefined {
  return [header ?? []].flat().join(',').split(',').at(-1)?.trim() || undefined;
}
