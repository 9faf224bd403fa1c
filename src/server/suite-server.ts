import type { KeyObject } from 'node:crypto';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { canonicalize } from '../base/canonical-json.ts';
import { makePrivateKey, publicKeyText, signText } from '../base/fleet-keys.ts';
import { digestOf } from '../base/hash.ts';
import { agentAuthorizationScheme, agentProtocol, type Registration } from '../contracts/agent-wire.ts';
import type { HostFacts } from '../contracts/fleet.ts';
import type { MetricsSample } from '../contracts/metrics.ts';
import { type OutgoingRequest, ServerClient } from '../server-client/server-client.ts';
import { FleetServer } from './server.ts';
import type { FleetServerOptions } from './server-options.ts';

export interface TestServer {
  readonly server: FleetServer;
  readonly url: string;
  readonly folder: string;
  readonly adminToken: string;
  readonly admin: ServerClient;
  /** As a user whose token this is. */
  as(token: string): ServerClient;
  /** The same data served anew, at another port. */
  restart(): Promise<TestServer>;
}

/** A server in a folder of its own, gone after the test. */
export async function startServer(t: TestContext, options: Partial<FleetServerOptions> = {}): Promise<TestServer> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'agora-server-'));
  t.after(() => rm(dataFolder, { recursive: true, force: true }));
  return serve(t, { dataFolder, version: '0.0.0', log: (line) => t.diagnostic(line), ...options }, undefined);
}

async function serve(t: TestContext, options: FleetServerOptions, known: string | undefined): Promise<TestServer> {
  const server = new FleetServer(options);
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => server.close());
  const adminToken = known ?? (await server.addFirstAdmin()) ?? '';
  const as = (token: string) => new ServerClient({ url, authorize: () => `Bearer ${token}` });
  const restart = async () => {
    await server.close();
    return serve(t, options, adminToken);
  };
  return { server, url, folder: options.dataFolder, adminToken, admin: as(adminToken), as, restart };
}

export const someFacts: HostFacts = {
  agentVersion: '0.0.0',
  operatingSystem: 'test',
  kernel: 'test',
  architecture: 'x64',
  cpus: 2,
  memoryBytes: 1,
  gpus: [],
  isContainer: false,
  metricsFrom: 'host',
};

/** By another key than its own, or for another server. */
interface Signing {
  readonly key?: KeyObject;
  readonly serverKey?: string;
}

/** An agent's side of the wire, with nothing behind it. */
export class TestAgent {
  readonly key: KeyObject;
  readonly sealing: KeyObject;
  readonly registrationToken: string;
  readonly client: ServerClient;
  readonly #url: string;
  #instanceId = nonce();
  #sessionId = '';
  #sequence = 0;

  /** A new one, or one that is known, at another address. */
  constructor(url: string, known?: Pick<TestAgent, 'key' | 'sealing' | 'registrationToken'>) {
    this.key = known?.key ?? makePrivateKey('ed25519');
    this.sealing = known?.sealing ?? makePrivateKey('x25519');
    this.registrationToken = known?.registrationToken ?? randomBytes(32).toString('hex');
    this.#url = url;
    this.client = new ServerClient({ url, authorize: (request) => this.authorization(request) });
  }

  async register(changes: Partial<Registration> = {}, sign?: Signing) {
    const body = await this.registration(changes, sign);
    const reply = await new ServerClient({ url: this.#url }).call('register', { body });
    this.#sessionId = reply.sessionId;
    this.#sequence = 0;
    return reply;
  }

  /** What it sends to register, signed for a challenge of its own. */
  async registration(changes: Partial<Registration> = {}, sign?: Signing) {
    const plain = new ServerClient({ url: this.#url });
    const hello = await plain.call('hello', { body: { protocol: agentProtocol, nonce: nonce() } });
    const registration: Registration = {
      protocol: agentProtocol,
      challenge: hello.challenge,
      publicKey: publicKeyText(this.key),
      sealingKey: publicKeyText(this.sealing),
      registrationToken: this.registrationToken,
      name: 'box',
      instanceId: this.#instanceId,
      facts: someFacts,
      ...changes,
    };
    const text = canonicalize({ registration, serverKey: sign?.serverKey ?? hello.serverKey });
    return { registration, signature: signText(sign?.key ?? this.key, text) };
  }

  heartbeat(samples: MetricsSample[] = []) {
    const body = { agentTime: new Date().toISOString(), engine: { isUp: true }, samples };
    return this.client.call('heartbeat', { body });
  }

  /** The same agent started again. */
  forgetInstance(): void {
    this.#instanceId = nonce();
  }

  authorization({ method, path, body }: OutgoingRequest, sequence = ++this.#sequence): string {
    const text = canonicalize({ session: this.#sessionId, sequence, method, path, body: digestOf(body ?? '') });
    return `${agentAuthorizationScheme} ${this.#sessionId} ${sequence} ${signText(this.key, text)}`;
  }
}

export function nonce(): string {
  return randomBytes(32).toString('base64url');
}
