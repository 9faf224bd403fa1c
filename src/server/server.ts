import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { Server as TlsServer } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { fingerprintOf, publicKeyText } from '../base/fleet-keys.ts';
import { SqliteCheckpoints } from '../base/sqlite-checkpoints.ts';
import { SqliteDatabase } from '../base/sqlite-database.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { sessionsPath } from '../contracts/session-wire.ts';
import type { Access } from './access.ts';
import type { AgentSockets } from './agent-sockets.ts';
import { authenticate, callerWith, identify, isOfAgent, isUserToken } from './authenticate.ts';
import { keepCallersChecked } from './caller-check.ts';
import { CallerSockets } from './caller-sockets.ts';
import { CertificateFiles, type CertificateUse } from './certificate-files.ts';
import type { Caller, HostCaller, UserCaller } from './handler.ts';
import { createHttp } from './http.ts';
import { bind } from './listen.ts';
import type { FleetWatch } from './metrics-wiring.ts';
import { openApiOf } from './openapi.ts';
import { outwardError } from './outward-error.ts';
import { addPlainRoutes } from './plain-routes.ts';
import { addPrometheusRoute } from './prometheus-route.ts';
import { Refusals } from './refusals.ts';
import type { Relay } from './relay.ts';
import { requestLimits } from './request-limits.ts';
import { loadServerKeys, type ServerKeys } from './server-keys.ts';
import { ServerLog } from './server-log.ts';
import type { FleetServerOptions } from './server-options.ts';
import { wireServer } from './server-wiring.ts';
import { callerAtDoor } from './session-door.ts';
import { sessionDefaults } from './session-limits.ts';
import { migrations } from './store-schema.ts';
import { StrangerConnections } from './stranger-connections.ts';
import { WebProxy } from './web-proxy.ts';

export interface Listening {
  readonly url: string;
  readonly address: string;
  readonly port: number;
}

/** Enough for a heartbeat: anybody can be a host that nobody has approved. */
const strangerBodyBytes = 128 * 1024;

/** The server of a fleet: what `contracts/routes.ts` lists, and the agents' sockets. */
export class FleetServer {
  readonly #options: FleetServerOptions;
  readonly #log: ServerLog;
  readonly #closing = new AbortController();
  #database: SqliteDatabase | undefined;
  #http: FastifyInstance | undefined;
  #sockets: AgentSockets | undefined;
  #relay: Relay | undefined;
  #callers: CallerSockets | undefined;
  #webProxy: WebProxy | undefined;
  #access: Access | undefined;
  #watch: FleetWatch | undefined;
  #checkpoints: SqliteCheckpoints | undefined;
  #refreshCertificate: () => Promise<void> = async () => {};
  #fingerprint = '';

  constructor(options: FleetServerOptions) {
    this.#log = new ServerLog({ say: options.log, now: options.now ?? (() => new Date()) });
    this.#options = { ...options, log: (line) => this.#log.write(line) };
  }

  /** Of its key, as agents and join tokens show it; once it listens. */
  get fingerprint(): string {
    return this.#fingerprint;
  }

  /** A line for its log, of what is beside it. */
  log(line: string): void {
    this.#log.write(line);
  }

  /** The first admin's token, where nobody is there yet. */
  async addFirstAdmin(): Promise<string | undefined> {
    const access = this.#access;
    if (access === undefined || access.hasUsers) return undefined;
    const { token } = access.addUser('admin', 'admin', 'server');
    await this.#database?.settled();
    return token;
  }

  /** A token that admits hosts, in the name of the first admin. */
  async createJoinToken(given: { readonly uses: number; readonly ttlSeconds: number }): Promise<string> {
    if (this.#access === undefined)
      throw new AppError('not-ready', 'Cannot make a join token: the server does not listen');
    const { joinToken } = this.#access.joinTokens.create({ ...given, fingerprint: this.#fingerprint }, 'admin');
    await this.#database?.settled();
    return joinToken;
  }

  /** Looks at the files of its certificate now. One that cannot be used is told, and the one before stays. */
  async refreshCertificate(): Promise<void> {
    await this.#refreshCertificate();
  }

  async listen({ host, port }: { readonly host: string; readonly port: number }): Promise<Listening> {
    const file = join(this.#options.dataFolder, 'server.db');
    const keys = await loadServerKeys(this.#options.dataFolder, file);
    this.#database = new SqliteDatabase({
      file,
      subject: 'server state',
      migrations,
      next: {
        'disk-full':
          'Free some space on its disk; a server that runs goes on by itself, one that ended is started again.',
      },
      durability: 'settle', // Of a thousand hosts that come back at once none waits for the disk alone.
    });
    try {
      return await this.#serve(this.#database, keys, { host, port });
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** What is under way ends; nothing that was answered is lost. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#webProxy?.close();
    this.#relay?.close();
    await this.#callers?.close();
    this.#sockets?.close();
    await this.#http?.close();
    await this.#watch?.close();
    await this.#checkpoints?.close();
    this.#database?.close();
  }

  async #serve(
    database: SqliteDatabase,
    keys: ServerKeys,
    at: { readonly host: string; readonly port: number },
  ): Promise<Listening> {
    const { log, now = () => new Date() } = this.#options;
    this.#fingerprint = fingerprintOf(publicKeyText(keys.identity));
    const overLimit = requestLimits({ settings: this.#options.limits, log });
    const { handlers, access, activity, hosts, sessions, sockets, relay, tickets, webSessions, watch, contexts } =
      wireServer({
        options: this.#options,
        serverLog: this.#log,
        overLimit,
        database,
        keys,
        fingerprint: this.#fingerprint,
        now,
      });
    this.#watch = watch;
    this.#access = access;
    this.#sockets = sockets;
    const refusals = new Refusals(activity);
    const certificate = this.#options.tls && new CertificateFiles(this.#options.tls);
    const strangers = new StrangerConnections({
      most: this.#options.mostStrangers,
      onTooMany: (address) => log(`Connections of ${address} are closed: too many on which nothing was proved`),
    });
    const isAdmitted = ({ hostId }: HostCaller) => hosts.byId(hostId)?.admission === 'admitted';
    const onProved = (caller: UserCaller | HostCaller, connection: Socket) => {
      // Anybody can register a host that waits.
      if (caller.kind === 'user' || isAdmitted(caller)) strangers.proved(connection);
    };
    const trustsProxy = this.#options.trustsProxy === true;
    const webProxy = new WebProxy({
      sessions: webSessions,
      link: (caller, from) => relay.link(caller, from),
      callerNow: (tokenId) => callerWith(access, tokenId),
      callerOf: (authorization) => userOf(identify(authorization, { access, sessions })),
      onProved: (caller, { socket }) => onProved(caller, socket),
      onRefusal: (caller, address) => refusals.add(caller, 'proxy', address),
      isHostThere: (name) => {
        const host = hosts.named(name);
        // Why another one has no link is told by who would open a session there.
        return host.admission !== 'admitted' || sockets.has(host.hostId);
      },
      domain: this.#options.proxyDomain,
      trustsProxy,
      overLimit,
    });
    this.#webProxy = webProxy;
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
      onFailure: (error, request) =>
        log(`${request} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
      tls: await certificate?.read(),
      trustProxy: trustsProxy,
      settled: () => database.settled(),
      signal: this.#closing.signal,
    });
    addPlainRoutes(http, {
      openApi: () => openApiOf(this.#options.version),
      unreadiness: () => unreadiness(database),
    });
    addPrometheusRoute(http, {
      ...this.#options.prometheus,
      isUser: (authorization) => isUserToken(access, authorization),
      text: () => watch.prometheus(),
      overLimit,
    });
    this.#http = http;
    // Behind a proxy all have its address, and it is the proxy that counts.
    if (!trustsProxy) http.server.on('connection', (socket) => strangers.add(socket));
    const onRefusal = (caller: UserCaller, address: string) => refusals.add(caller, 'sessions', address);
    const door = { access, tickets, overLimit, trustsProxy, onRefusal };
    const callers = new CallerSockets({
      relay,
      admit: (request) => callerAtDoor(request, door),
      onRefusal,
      callerNow: (tokenId) => callerWith(access, tokenId),
    });
    keepCallersChecked([relay, callers], {
      everyMs: this.#options.sessionLimits?.checkMs ?? sessionDefaults.checkMs,
      signal: this.#closing.signal,
    });
    this.#relay = relay;
    this.#callers = callers;
    http.server.on('upgrade', (request, connection, head) => {
      connection.on('error', () => connection.destroy());
      try {
        if (webProxy.takeUpgrade(request, head)) return;
      } catch (error) {
        // Nobody else waits for it: it would end the process.
        log(`An upgrade failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
        connection.destroy();
        return;
      }
      const taker = request.url?.split('?')[0] === sessionsPath ? callers : sockets;
      void taker.upgrade(request, connection, head).then(
        (caller) => caller && onProved(caller, request.socket),
        () => connection.destroy(),
      );
    });
    await bind(http, at);
    watch.start();
    this.#checkpoints = new SqliteCheckpoints({
      file: database.file,
      onFailure: (error) => log(`checkpoints: ${error instanceof Error ? error.message : String(error)}`),
    });
    if (certificate !== undefined) this.#follow(certificate, http);
    void contexts.keepPruned(this.#closing.signal); // Raises nothing, and ends with the server.
    const { address, port } = (http.server as Server).address() as AddressInfo; // It listens on TCP.
    const scheme = this.#options.tls === undefined ? 'http' : 'https';
    return { url: `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`, address, port };
  }

  #follow(certificate: CertificateFiles, { server }: FastifyInstance): void {
    const use: CertificateUse = {
      apply: (options) => {
        if (server instanceof TlsServer) server.setSecureContext(options); // Connections that are open keep theirs.
      },
      log: this.#options.log,
    };
    this.#refreshCertificate = () => certificate.refresh(use);
    void certificate.follow(use, { signal: this.#closing.signal }); // Raises nothing, and ends with the server.
  }
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
