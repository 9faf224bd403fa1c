import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { FrameLink } from '../session/frame-link.ts';
import { mayUse } from '../session/session-access.ts';
import type { UserCaller } from './handler.ts';
import type { OverLimit } from './request-limits.ts';
import { type SeenRequest, seeRequest } from './seen-request.ts';
import { pathOf, readWebAddress, type WebAddress, type WebPlace } from './web-proxy-address.ts';
import { type Admitted, type EntryPorts, enter } from './web-proxy-entry.ts';
import { forward } from './web-proxy-forward.ts';
import { flat, sandboxed } from './web-proxy-headers.ts';
import { sendFailure } from './web-proxy-page.ts';
import { WebPool } from './web-proxy-pool.ts';
import { passUpgrade, responseOn } from './web-proxy-upgrade.ts';

export interface WebProxyOptions extends EntryPorts {
  /** A link for the sessions of a caller. */
  readonly link: (caller: UserCaller, from: { readonly address: string }) => FrameLink;
  /** Below it each port has a name of its own. */
  readonly domain: string | undefined;
  /** Whether `x-forwarded-*` of a proxy is believed. */
  readonly trustsProxy: boolean;
  /** Told of who has proved who they are on a connection. */
  readonly onProved: (caller: UserCaller, request: IncomingMessage) => void;
  readonly overLimit: OverLimit;
  /** Told of a caller who may not. */
  readonly onRefusal: (caller: UserCaller, address: string) => void;
  /** Whether the agent of a host has a link to this server. Raises `not-found`. */
  readonly isHostThere: (host: string) => boolean;
}

interface Arrival {
  readonly request: IncomingMessage;
  readonly address: WebAddress;
  readonly seen: SeenRequest;
}

/** Between two looks which pools are not used any more. */
const lookMs = 60_000;

/** HTTP and WebSockets of workspaces' ports, at addresses of this server: docs/how-to/open-a-port-in-a-browser.md. */
export class WebProxy {
  readonly #options: WebProxyOptions;
  readonly #pools = new Map<string, WebPool>();
  readonly #looking: NodeJS.Timeout;

  constructor(options: WebProxyOptions) {
    this.#options = options;
    this.#looking = setInterval(() => this.#forgetUnused(), lookMs).unref();
  }

  /** Takes a request that is for a workspace; false for any other, which then is as it was. */
  take(request: IncomingMessage, response: ServerResponse): boolean {
    const arrival = this.#arrivalOf(request);
    if (arrival === undefined) return false;
    try {
      this.#answer(arrival, response);
    } catch (error) {
      sendFailure(request, response, error);
    }
    return true;
  }

  /** The same of a request to upgrade. */
  takeUpgrade(request: IncomingMessage, head: Buffer): boolean {
    const arrival = this.#arrivalOf(request);
    if (arrival === undefined) return false;
    const response = responseOn(request);
    try {
      const admitted = this.#admit(arrival, response);
      if (admitted === undefined) return true;
      if (request.headers.upgrade?.toLowerCase() !== 'websocket') throw noSuchUpgrade(request);
      passUpgrade({ ...arrival, response, head, admitted, pool: this.#poolFor(admitted, arrival.seen) });
    } catch (error) {
      sendFailure(request, response, error);
    }
    return true;
  }

  close(): void {
    clearInterval(this.#looking);
    for (const pool of this.#pools.values()) pool.close();
    this.#pools.clear();
  }

  #arrivalOf(request: IncomingMessage): Arrival | undefined {
    const seen = seeRequest(request, this.#options.trustsProxy);
    const address = readWebAddress(seen.host, request.url ?? '', this.#options.domain);
    return address && { request, address, seen };
  }

  #answer(arrival: Arrival, response: ServerResponse): void {
    const { request, seen } = arrival;
    const admitted = this.#admit(arrival, response);
    if (admitted === undefined) return;
    if (isPreflight(request, admitted)) allowAll(request, response);
    else forward({ request, response, admitted, seen, pool: this.#poolFor(admitted, seen) });
  }

  /** Undefined where it was answered otherwise. */
  #admit({ request, address, seen }: Arrival, response: ServerResponse): Admitted | undefined {
    try {
      const entry = enter(request, address, seen, this.#options);
      if (entry.kind === 'in') return this.#expectOperator(entry, request, seen);
      const cookie = entry.cookie === undefined ? [] : ['set-cookie', entry.cookie];
      response.writeHead(303, [...elsewhere, 'location', entry.location, ...cookie]).end();
    } catch (error) {
      sendFailure(request, response, this.#orTooMany(error, seen));
    }
    return undefined;
  }

  #expectOperator(admitted: Admitted, request: IncomingMessage, { address }: SeenRequest): Admitted {
    const { caller } = admitted;
    const { name, role } = caller.user;
    this.#options.onProved(caller, request);
    if (mayUse('proxy', role)) return admitted;
    this.#options.onRefusal(caller, address);
    throw new AppError('refused', `Cannot open this port: ${name} is ${role} with this token, it takes operator`, {
      next: 'Ask an admin: agora user role <name> <role>',
    });
  }

  #orTooMany(error: unknown, { address }: SeenRequest): unknown {
    return isAppError(error, 'unauthenticated') ? (this.#options.overLimit('failures', address) ?? error) : error;
  }

  #poolFor({ caller, place }: Admitted, { address }: SeenRequest): WebPool {
    const key = keyOf(caller.tokenId, place, address);
    const known = this.#pools.get(key);
    if (known !== undefined) return known;
    const { link, isHostThere } = this.#options;
    const pool = new WebPool({
      place,
      openLink: () => link(caller, { address }),
      isHostThere: () => isHostThere(place.host),
    });
    this.#pools.set(key, pool);
    return pool;
  }

  #forgetUnused(): void {
    for (const [key, pool] of this.#pools) if (pool.openConnections === 0) this.#pools.delete(key);
  }
}

const elsewhere = ['cache-control', 'no-store', 'referrer-policy', 'no-referrer', 'content-length', '0'] as const;

/** A page in a sandbox asks before it sends what a form could not. */
function isPreflight({ method, headers }: IncomingMessage, { prefix, isByToken }: Admitted): boolean {
  const isAsked = method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
  return isAsked && prefix !== '' && !isByToken && headers.origin === 'null';
}

function allowAll(request: IncomingMessage, response: ServerResponse): void {
  const { 'access-control-request-method': method = '', 'access-control-request-headers': names = '' } =
    request.headers;
  const allowed = ['access-control-allow-methods', method, 'access-control-allow-headers', names];
  response.writeHead(204, [...flat(sandboxed(request)), ...allowed]).end();
}

/** With the address: a session is told of as one from there. */
function keyOf(tokenId: string, place: WebPlace, address: string): string {
  return `${tokenId} ${pathOf(place)} ${address}`;
}

function noSuchUpgrade({ headers }: IncomingMessage): AppError {
  return new AppError('invalid-input', `Cannot upgrade to "${headers.upgrade ?? ''}": only WebSockets are passed on`);
}
