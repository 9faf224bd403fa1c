import type { proxyRoutes } from '../contracts/routes-proxy.ts';
import type { Handlers } from './handler.ts';
import type { HostStore } from './host-store.ts';
import { webUrlOf } from './web-proxy-address.ts';
import { ticketParameter } from './web-proxy-entry.ts';
import type { WebSessions } from './web-proxy-sessions.ts';

export interface ProxyPorts {
  readonly hosts: HostStore;
  readonly webSessions: WebSessions;
  /** Below which each port of a workspace has a name; undefined where none was set. */
  readonly proxyDomain: string | undefined;
}

export function proxyHandlers({ hosts, webSessions, proxyDomain }: ProxyPorts): Handlers<keyof typeof proxyRoutes> {
  return {
    createProxyUrl: ({ caller, params, body: { workspace, port, server } }) => {
      const place = { host: hosts.named(params.host).name, workspace, port };
      const { ticket, expiresAt } = webSessions.createTicket({ place, tokenId: caller.tokenId });
      const url = webUrlOf(place, new URL(server), proxyDomain);
      url.searchParams.set(ticketParameter, ticket);
      return { url: url.href, expiresAt };
    },
  };
}
