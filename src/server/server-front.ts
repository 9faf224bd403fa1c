import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { SqliteDatabase } from '../base/sqlite-database.ts';
import { isAppError } from '../contracts/errors.ts';
import { sessionsPath } from '../contracts/session-wire.ts';
import { authenticate, callerWith, identify, isOfAgent, isUserToken } from './authenticate.ts';
import { CallerSockets } from './caller-sockets.ts';
import type { Caller, HostCaller, UserCaller } from './handler.ts';
import { createHttp, type HttpOptions } from './http.ts';
import { openApiOf } from './openapi.ts';
import { outwardError } from './outward-error.ts';
import { addPlainRoutes } from './plain-routes.ts';
import { addPrometheusRoute } from './prometheus-route.ts';
import { Refusals } from './refusals.ts';
import type { OverLimit } from './request-limits.ts';
import type { FleetServerOptions } from './server-options.ts';
import type { Wired } from './server-wiring.ts';
import { callerAtDoor } from './session-door.ts';
import { StrangerConnections } from './stranger-connections.ts';
import { WebProxy } from './web-proxy.ts';

export interface FrontOptions {
  readonly wired: Wired;
  readonly options: FleetServerOptions;
  readonly overLimit: OverLimit;
  readonly database: SqliteDatabase;
  /** Default: plain HTTP. */
  readonly tls: HttpOptions['tls'];
  /** Aborts when the server closes. */
  readonly signal: AbortSignal;
}

/** What of a server is asked, over HTTP and WebSockets. */
export interface Front {
  readonly http: FastifyInstance;
  readonly callers: CallerSockets;
  readonly webProxy: WebProxy;
}

interface Door extends FrontOptions {
  readonly refusals: Refusals;
  readonly isAdmitted: (caller: HostCaller) => boolean;
  /** Told of who proved who they are, on which connection. */
  readonly onProved: (caller: UserCaller | HostCaller, connection: Socket) => void;
  readonly trustsProxy: boolean;
}

/** Enough for a heartbeat: anybody can be a host that nobody has approved. */
const strangerBodyBytes = 128 * 1024;

export async function openFront(given: FrontOptions): Promise<Front> {
  const { wired, options } = given;
  const strangers = new StrangerConnections({
    most: options.mostStrangers,
    onTooMany: (address) => options.log(`Connections of ${address} are closed: too many on which nothing was proved`),
  });
  const isAdmitted = ({ hostId }: HostCaller) => wired.hosts.byId(hostId)?.admission === 'admitted';
  const door: Door = {
    ...given,
    refusals: new Refusals(wired.activity),
    isAdmitted,
    onProved: (caller, connection) => {
      // Anybody can register a host that waits.
      if (caller.kind === 'user' || isAdmitted(caller)) strangers.proved(connection);
    },
    trustsProxy: options.trustsProxy === true,
  };
  const webProxy = webProxyAt(door);
  const http = await httpAt(door, webProxy);
  // Behind a proxy all have its address, and it is the proxy that counts.
  if (!door.trustsProxy) http.server.on('connection', (socket) => strangers.add(socket));
  const front = { http, webProxy, callers: callersAt(door) };
  takeUpgrades(front, door);
  return front;
}

function webProxyAt({ wired, options, overLimit, refusals, onProved, trustsProxy }: Door): WebProxy {
  const { webSessions, relay, access, sessions, hosts, sockets } = wired;
  return new WebProxy({
    sessions: webSessions,
    link: (caller, from) => relay.link(caller, { ...from, isPage: true }),
    callerNow: (tokenId) => callerWith(access, tokenId),
    callerOf: (authorization) => userOf(identify(authorization, { access, sessions })),
    onProved: (caller, { socket }) => onProved(caller, socket),
    onRefusal: (caller, address) => refusals.add(caller, 'proxy', address),
    isHostThere: (name) => {
      const host = hosts.named(name);
      // Why another one has no link is told by who would open a session there.
      return host.admission !== 'admitted' || sockets.has(host.hostId);
    },
    domain: options.proxyDomain,
    trustsProxy,
    overLimit,
  });
}

async function httpAt(door: Door, webProxy: WebProxy): Promise<FastifyInstance> {
  const { wired, options, overLimit, database, tls, signal, refusals, isAdmitted, onProved, trustsProxy } = door;
  const { handlers, access, sessions, watch } = wired;
  const http = await createHttp({
    handlers,
    divert: (request, response) => webProxy.take(request, response),
    identify: (authorization) => identify(authorization, { access, sessions }),
    authenticate: (credentials) => authenticate(credentials, { access, sessions }),
    onRefusal: (caller, route, address) => refusals.add(caller, route, address),
    // An agent whose session is not known registers again: it is told so each time, and it costs nothing.
    onUnauthenticated: ({ authorization, address }) =>
      isOfAgent(authorization) ? undefined : overLimit('failures', address),
    mostBodyBytes: (caller) => (caller.kind === 'host' && !isAdmitted(caller) ? strangerBodyBytes : undefined),
    onProved,
    onFailure: (error, request) => options.log(`${request} failed: ${wordsOf(error)}`),
    tls,
    trustProxy: trustsProxy,
    settled: () => database.settled(),
    signal,
  });
  addPlainRoutes(http, {
    openApi: () => openApiOf(options.version),
    unreadiness: () => unreadiness(database),
  });
  addPrometheusRoute(http, {
    ...options.prometheus,
    isUser: (authorization) => isUserToken(access, authorization),
    text: () => watch.prometheus(),
    overLimit,
  });
  return http;
}

function callersAt({ wired, overLimit, refusals, trustsProxy }: Door): CallerSockets {
  const { relay, access, tickets } = wired;
  const onRefusal = (caller: UserCaller, address: string) => refusals.add(caller, 'sessions', address);
  return new CallerSockets({
    relay,
    admit: (request) => callerAtDoor(request, { access, tickets, overLimit, trustsProxy, onRefusal }),
    onRefusal,
    callerNow: (tokenId) => callerWith(access, tokenId),
  });
}

function takeUpgrades({ http, callers, webProxy }: Front, { wired, options, onProved }: Door): void {
  http.server.on('upgrade', (request, connection, head) => {
    connection.on('error', () => connection.destroy());
    try {
      if (webProxy.takeUpgrade(request, head)) return;
    } catch (error) {
      // Nobody else waits for it: it would end the process.
      options.log(`An upgrade failed: ${wordsOf(error)}`);
      connection.destroy();
      return;
    }
    const taker = request.url?.split('?')[0] === sessionsPath ? callers : wired.sockets;
    void taker.upgrade(request, connection, head).then(
      (caller) => caller && onProved(caller, request.socket),
      () => connection.destroy(),
    );
  });
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function userOf(caller: Caller): UserCaller | undefined {
  return caller.kind === 'user' ? caller : undefined;
}

function unreadiness(database: SqliteDatabase): string | undefined {
  try {
    database.get('SELECT 1');
    return undefined;
  } catch (error) {
    return isAppError(error) ? outwardError(error).message : 'Cannot answer: the server failed';
  }
}
