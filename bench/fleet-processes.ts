import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { waitUntil } from '../src/base/deadline.ts';
import { bundledPrograms } from '../src/compute/bundled-programs.ts';
import { bundleBytes } from '../src/compute/program-bundle.ts';
import { packageRoot } from '../src/config/package-root.ts';
import { ServerClient } from '../src/server-client/server-client.ts';
import type { ServerTimes } from './fleet-server-times.ts';
import type { HeldBytes } from './memory-probe.ts';

const patience = { timeoutMs: 60_000 };
const timesFile = 'times.json';

/** A program of this checkout as a process of its own. */
export class Started {
  readonly #child: ChildProcess;
  #printed = '';

  constructor(file: string, words: readonly string[], env: NodeJS.ProcessEnv) {
    this.#child = spawn(file, words, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    const collect = (text: string) => {
      this.#printed += text;
    };
    this.#child.stdout?.setEncoding('utf8').on('data', collect);
    this.#child.stderr?.setEncoding('utf8').on('data', collect);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** All that it printed. */
  get printed(): string {
    return this.#printed;
  }

  async says(pattern: RegExp, what: string): Promise<RegExpExecArray> {
    const look = () => {
      if (this.#child.exitCode !== null) throw new Error(`Cannot start ${what}: it ended\n${this.#printed}`);
      return pattern.exec(this.#printed) ?? undefined;
    };
    return await waitUntil(what, look, patience);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill(signal);
    await ended;
  }
}

export interface FleetOptions {
  /** Where the server listens. Default: a free port of the loopback address. */
  readonly listen?: string;
  /** For `watchTimes`. Default: false. */
  readonly watchesTimes?: boolean;
  /** For `heldBytes`. Default: false. */
  readonly watchesMemory?: boolean;
}

/** `agora server` and agents as a person starts them, in a folder of their own that is gone after `close`. */
export class FleetProcesses {
  readonly folder: string;
  readonly #agents: Started[] = [];
  readonly #serverEnv: Readonly<Record<string, string>>;
  /** Of a process that is to tell its memory. */
  readonly agentEnv: Readonly<Record<string, string>>;
  #server: Started;
  #url = '';
  #token = '';

  private constructor(folder: string, { listen = '127.0.0.1:0', watchesTimes, watchesMemory }: FleetOptions) {
    this.folder = folder;
    const memory = watchesMemory === true ? [new URL('./memory-probe.ts', import.meta.url)] : [];
    const times = watchesTimes === true ? [new URL('./fleet-server-times.ts', import.meta.url)] : [];
    this.agentEnv = { ...preloading(memory), AGORA_BENCH_MEMORY: folder };
    this.#serverEnv = {
      ...preloading([...memory, ...times]),
      AGORA_BENCH_MEMORY: folder,
      AGORA_BENCH_TIMES: join(folder, timesFile),
    };
    this.#server = this.#startServer(listen);
  }

  static async start(options: FleetOptions = {}): Promise<FleetProcesses> {
    const fleet = new FleetProcesses(await mkdtemp(join(tmpdir(), 'agora-bench-')), options);
    const [, url = ''] = await fleet.#server.says(/serving \S+ at (\S+),/, 'the server');
    const [token] = await fleet.#server.says(/^agora-user\.[\w-]+$/m, 'the token of the server');
    fleet.#url = url;
    fleet.#token = token;
    return fleet;
  }

  get url(): string {
    return this.#url;
  }

  get serverPid(): number {
    return this.#server.pid;
  }

  /** Begins to watch the server; what it gives ends that and gives the times. */
  watchTimes(): () => Promise<ServerTimes> {
    process.kill(this.serverPid, 'SIGUSR2');
    return async () => {
      process.kill(this.serverPid, 'SIGUSR2');
      const read = () => readFile(join(this.folder, timesFile), 'utf8').catch(() => undefined); // Not there yet.
      return JSON.parse(await waitUntil('the times of the server', read, patience)) as ServerTimes; // Ours.
    };
  }

  /** What a process of this fleet holds, once its garbage is collected. */
  async heldBytes(pid: number): Promise<HeldBytes> {
    const file = join(this.folder, `memory-${pid}.json`);
    await rm(file, { force: true });
    process.kill(pid, 'SIGUSR2');
    const read = () => readFile(file, 'utf8').catch(() => undefined); // Not there yet.
    return JSON.parse(await waitUntil(`the memory of process ${pid}`, read, patience)) as HeldBytes; // Ours.
  }

  get token(): string {
    return this.#token;
  }

  get admin(): ServerClient {
    return new ServerClient({ url: this.#url, authorize: () => `Bearer ${this.#token}` });
  }

  /** Ends the server as an upgrade does, and starts it again at the same address. */
  async restartServer(): Promise<void> {
    await this.#server.stop();
    this.#server = this.#startServer(new URL(this.#url).host);
    await this.#server.says(/serving \S+ at (\S+),/, 'the server again');
  }

  async joinToken(uses: number): Promise<string> {
    return (await this.admin.call('createJoinToken', { body: { uses } })).joinToken;
  }

  /** An agent for an engine, once the server sees it and its engine. */
  async startAgent(name: string, engineHost: string): Promise<Started> {
    const tokenFile = join(this.folder, `${name}.token`);
    await writeFile(tokenFile, await this.joinToken(1), { mode: 0o600 });
    const words = ['-S', this.#url, '-D', name, '--engine', engineHost, '--join-token-file', tokenFile];
    const program = await this.#agentProgram();
    const agent = new Started(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', program, ...words, '-C', join(this.folder, `${name}.yml`)],
      {
        ...process.env,
        HOME: this.folder,
        XDG_STATE_HOME: join(this.folder, name),
        NODE_COMPILE_CACHE: join(this.folder, 'compiled'),
        ...this.agentEnv,
      },
    );
    this.#agents.push(agent);
    await waitUntil(`agent "${name}"`, () => this.#isReady(name), patience);
    return agent;
  }

  async close(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.stop()));
    await this.#server.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** In one file, as docker/agent/Dockerfile puts it into the image that hosts run. */
  async #agentProgram(): Promise<string> {
    const file = join(this.folder, 'agent', 'dist', 'cli', 'agent.cjs');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, await bundleBytes(packageRoot, bundledPrograms.agent));
    await copyFile(join(packageRoot, 'package.json'), join(this.folder, 'agent', 'package.json'));
    return file;
  }

  async #isReady(name: string): Promise<boolean> {
    const { hosts } = await this.admin.call('listHosts', {});
    const host = hosts.find((one) => one.name === name);
    return host?.link.hasSocket === true && host.link.engine === 'up';
  }

  #startServer(listen: string): Started {
    return this.#start(['server', '--listen', listen, '-d', join(this.folder, 'server')], this.#serverEnv);
  }

  #start(words: readonly string[], env: Readonly<Record<string, string>>): Started {
    return new Started(join(packageRoot, 'bin', 'agora'), words, {
      ...process.env,
      HOME: this.folder,
      // Compiled code is kept over runs, as it is for a person.
      XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
      ...env,
    });
  }
}

function preloading(files: readonly URL[]): Readonly<Record<string, string>> {
  if (files.length === 0) return {};
  const given = process.env['NODE_OPTIONS'] ?? '';
  return { NODE_OPTIONS: [given, ...files.map(({ href }) => `--import ${href}`)].join(' ') };
}
