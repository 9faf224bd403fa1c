import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { isAppError } from '../../src/contracts/errors.ts';
import { type HostSpec, hostSpecSchema } from '../../src/contracts/host-spec.ts';
import type { HostStatus } from '../../src/contracts/routes-hosts.ts';
import { ServerClient } from '../../src/server-client/server-client.ts';
import { startFleetServer, urlOf } from './fleet-server.ts';
import { emptyProject, type Project, type Running } from './project.ts';

const patience = { timeoutMs: 45_000, intervalMs: 20 };

export interface AgentWords {
  readonly name: string;
  /** `unix:///…` of its engine. */
  readonly engine: string;
  /** Default: that of the server. */
  readonly url?: string;
  /** Its state folder in the project. Default: its name. */
  readonly state?: string;
  /** A network namespace to be in. Default: that of the test. */
  readonly namespace?: string;
  /** More variables. Default: none. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A server and agents as processes, which end as an operator or a crash would end them. All gone after the test. */
export class FleetProcesses {
  readonly project: Project;
  readonly #started: Running[] = [];
  #server: Running | undefined;
  #token = '';
  #url = '';

  private constructor(project: Project) {
    this.project = project;
  }

  static async start(t: Pick<TestContext, 'after'>, words: readonly string[] = []): Promise<FleetProcesses> {
    return await FleetProcesses.startIn(await emptyProject(t, 'process'), words);
  }

  static async startIn(project: Project, words: readonly string[] = []): Promise<FleetProcesses> {
    const fleet = new FleetProcesses(project);
    await fleet.startServer(words);
    fleet.#token = await waitUntil('the first token', () => fleet.server.stdout().trim(), patience);
    await waitUntil('the join token', () => fleet.server.stderr().includes('agora host ls\n'), patience);
    return fleet;
  }

  get server(): Running {
    if (this.#server === undefined) throw new Error('the server was not started');
    return this.#server;
  }

  get url(): string {
    return this.#url;
  }

  /** Of the admin. */
  get token(): string {
    return this.#token;
  }

  get admin(): ServerClient {
    return new ServerClient({ url: this.#url, authorize: () => `Bearer ${this.#token}`, timeoutMs: 10_000 });
  }

  async startServer(words: readonly string[] = []): Promise<void> {
    this.#server = await startFleetServer(this.project, words);
    this.#started.push(this.#server);
    this.#url = urlOf(this.#server);
  }

  /** Where the one before was, for agents that know no other address. */
  async startServerThere(words: readonly string[] = []): Promise<void> {
    await this.startServer(['--listen', new URL(this.#url).host, ...words]);
  }

  /** The command line, signed in. */
  async agora(words: readonly string[]) {
    await writeFile(join(this.project.folder, 'token'), this.#token, { mode: 0o600 });
    return await this.project.agora([...words, '--server', this.#url, '--token-file', 'token']);
  }

  startAgent({ name, engine, url = this.#url, state = name, namespace, env = {} }: AgentWords): Running {
    const { project } = this;
    const inside = namespace === undefined ? [] : ['nsenter', `--net=/run/netns/${namespace}`];
    // Its builds go with the project: one that is killed removes nothing.
    const words = ['-S', url, '-D', name, '-C', `${state}.yml`, '--engine', engine, '-b', project.folder];
    const running = project.start('env', [
      `XDG_STATE_HOME=${join(project.folder, state)}`,
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
      ...inside,
      'agora',
      'agent',
      ...words,
      '--join-token-file',
      'data/join-token',
    ]);
    this.#started.push(running);
    return running;
  }

  /** Undefined while the server does not answer, or does not know it. */
  async statusOf(host: string): Promise<HostStatus | undefined> {
    try {
      return await this.admin.call('getHost', { params: { host } });
    } catch (error) {
      if (isAppError(error, 'unreachable') || isAppError(error, 'not-found')) return undefined;
      throw error;
    }
  }

  async until(what: string, host: string, isSo: (status: HostStatus) => boolean): Promise<HostStatus> {
    let last: HostStatus | undefined;
    try {
      return await waitUntil(
        what,
        async () => {
          const status = await this.statusOf(host);
          last = status ?? last;
          return status !== undefined && isSo(status) ? status : undefined;
        },
        patience,
      );
    } catch (cause) {
      const said = this.#started.slice(-3).map((one) => one.stderr().slice(-2_000));
      const seen = [`waited in vain for ${what}; the last of "${host}": ${JSON.stringify(last)}`, ...said];
      throw new Error(seen.join('\n--\n'), { cause });
    }
  }

  async online(host: string): Promise<HostStatus> {
    return await this.until(
      `"${host}" to be online`,
      host,
      ({ host: { admission, link } }) => admission === 'admitted' && link.link === 'online' && link.engine === 'up',
    );
  }

  /** The revision that it is declared as. */
  async apply(host: string, spec: Record<string, unknown>): Promise<number> {
    const body = { spec: aHostSpec(spec), secrets: {} };
    const { change } = await this.admin.call('applySpec', { params: { host }, body });
    return change.revision;
  }

  async healthy(host: string, revision: number): Promise<HostStatus> {
    return await this.until(
      `revision ${revision} to be healthy`,
      host,
      ({ change }) => change?.revision === revision && change.times.healthy !== undefined,
    );
  }

  async set(host: string, settings: Record<string, unknown>): Promise<void> {
    await this.admin.call('changeHost', { params: { host }, body: { settings } });
  }
}

export function aHostSpec(spec: Record<string, unknown>): HostSpec {
  return hostSpecSchema.parse({ schemaVersion: 1, ...spec });
}

/** With all that it started, as a crash does. */
export function strike({ child: { pid } }: Running): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended before.
  }
}

/** Struck, and gone. */
export async function kill(running: Running): Promise<void> {
  strike(running);
  await running.finished;
}
