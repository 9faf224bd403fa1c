import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Server as TlsServer } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { fingerprintOf, publicKeyText } from '../base/fleet-keys.ts';
import { SqliteCheckpoints } from '../base/sqlite-checkpoints.ts';
import { SqliteDatabase } from '../base/sqlite-database.ts';
import { AppError } from '../contracts/errors.ts';
import type { Access } from './access.ts';
import type { AgentSockets } from './agent-sockets.ts';
import { keepCallersChecked } from './caller-check.ts';
import { CertificateFiles, type CertificateUse } from './certificate-files.ts';
import { bind } from './listen.ts';
import type { FleetWatch } from './metrics-wiring.ts';
import type { Relay } from './relay.ts';
import { requestLimits } from './request-limits.ts';
import { type Front, openFront } from './server-front.ts';
import { loadServerKeys, type ServerKeys } from './server-keys.ts';
import { ServerLog } from './server-log.ts';
import type { FleetServerOptions } from './server-options.ts';
import { wireServer } from './server-wiring.ts';
import { sessionDefaults } from './session-limits.ts';
import { migrations } from './store-schema.ts';

export interface Listening {
  readonly url: string;
  readonly address: string;
  readonly port: number;
}

/** The server of a fleet: what `contracts/routes.ts` lists, and the agents' sockets. */
export class FleetServer {
  readonly #options: FleetServerOptions;
  readonly #log: ServerLog;
  readonly #closing = new AbortController();
  #database: SqliteDatabase | undefined;
  #front: Front | undefined;
  #sockets: AgentSockets | undefined;
  #relay: Relay | undefined;
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
    this.#front?.webProxy.close();
    this.#relay?.close();
    await this.#front?.callers.close();
    this.#sockets?.close();
    await this.#front?.http.close();
    await this.#watch?.close();
    await this.#checkpoints?.close();
    this.#database?.close();
  }

  async #serve(
    database: SqliteDatabase,
    keys: ServerKeys,
    at: { readonly host: string; readonly port: number },
  ): Promise<Listening> {
    const options = this.#options;
    const { log, now = () => new Date(), tls } = options;
    const fingerprint = fingerprintOf(publicKeyText(keys.identity));
    this.#fingerprint = fingerprint;
    const overLimit = requestLimits({ settings: options.limits, log });
    const wired = wireServer({ options, overLimit, database, keys, now, fingerprint, serverLog: this.#log });
    const { watch, access, sockets, relay, contexts } = wired;
    this.#watch = watch;
    this.#access = access;
    this.#sockets = sockets;
    this.#relay = relay;
    const certificate = tls && new CertificateFiles(tls);
    const { signal } = this.#closing;
    const given = { wired, options, overLimit, database, signal, tls: await certificate?.read() };
    this.#front = await openFront(given);
    const { http, callers } = this.#front;
    keepCallersChecked([relay, callers], {
      everyMs: options.sessionLimits?.checkMs ?? sessionDefaults.checkMs,
      signal,
    });
    await bind(http, at);
    watch.start();
    this.#checkpoints = new SqliteCheckpoints({
      file: database.file,
      onFailure: (error) => log(`checkpoints: ${error instanceof Error ? error.message : String(error)}`),
    });
    if (certificate !== undefined) this.#follow(certificate, http);
    void contexts.keepPruned(signal); // Raises nothing, and ends with the server.
    const { address, port } = (http.server as Server).address() as AddressInfo; // It listens on TCP.
    const scheme = tls === undefined ? 'http' : 'https';
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
