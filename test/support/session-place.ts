import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { aWorkspace, type FleetEngine } from './fleet-engine.ts';
import { type CabledNamespace, cabledNamespace } from './fleet-network.ts';
import { FleetProcesses } from './fleet-processes.ts';
import type { Running } from './project.ts';

export interface SessionPlaceOptions {
  readonly engine: FleetEngine;
  /** Of the host, and of its workspace: the engine is shared. */
  readonly name: string;
  /** Default: one, of the same name. */
  readonly workspaces?: Readonly<Record<string, Record<string, unknown>>>;
  /** Starts what stands in front of the server, which then believes it; gives its port. Default: nothing does. */
  readonly front?: (fleet: FleetProcesses) => Promise<number>;
}

/** A server, an agent at the end of one cable and people at the end of another, each a process in a network of its own. */
export class SessionPlace {
  readonly fleet: FleetProcesses;
  readonly name: string;
  readonly agentCable: CabledNamespace;
  readonly callerCable: CabledNamespace;
  readonly #engine: FleetEngine;
  /** At which agents and people reach the server. */
  readonly #port: number;
  agent: Running;

  private constructor(
    { fleet, port }: { readonly fleet: FleetProcesses; readonly port: number },
    cables: readonly [CabledNamespace, CabledNamespace],
    { engine, name }: SessionPlaceOptions,
  ) {
    this.fleet = fleet;
    this.#port = port;
    this.name = name;
    [this.agentCable, this.callerCable] = cables;
    this.#engine = engine;
    this.agent = this.#startAgent();
  }

  static async start(t: Pick<TestContext, 'after'>, options: SessionPlaceOptions): Promise<SessionPlace> {
    const { name, workspaces = { [name]: aWorkspace() }, front } = options;
    const cables = [await cabledNamespace(t), await cabledNamespace(t)] as const;
    const fleet = await FleetProcesses.start(t, front ? ['--trust-proxy'] : ['--listen', '0.0.0.0:0']);
    const port = front ? await front(fleet) : Number(new URL(fleet.url).port);
    const place = new SessionPlace({ fleet, port }, cables, options);
    await fleet.online(name);
    await fleet.set(name, { heartbeatSeconds: 1 });
    await fleet.healthy(name, await fleet.apply(name, { workspaces }));
    await writeFile(join(fleet.project.folder, 'token'), fleet.token, { mode: 0o600 });
    return place;
  }

  /** The workspace, as the command line names it. */
  get target(): string {
    return `${this.name}/${this.name}`;
  }

  /** The server, as people over there reach it. */
  get callerUrl(): string {
    return this.#urlFor(this.callerCable);
  }

  /** Somebody's `agora GROUP NAME …` over there, signed in as the admin or with the token in a file of the project. */
  call(words: readonly string[], { input, tokenFile = 'token' }: Calling = {}): Running {
    const [group = '', name = '', ...rest] = words;
    const to = ['--server', this.callerUrl, '--token-file', tokenFile];
    return this.beside('agora', [group, name, ...to, ...rest], input);
  }

  /** Any program beside that command line. */
  beside(file: string, words: readonly string[], input?: Calling['input']): Running {
    const inside = [`--net=/run/netns/${this.callerCable.name}`, file, ...words];
    return this.fleet.project.start('nsenter', inside, input);
  }

  async restartAgent(): Promise<void> {
    this.agent = this.#startAgent();
    await this.fleet.online(this.name);
  }

  #startAgent(): Running {
    const { name, agentCable } = this;
    const engine = this.#engine.engine.host;
    return this.fleet.startAgent({ name, engine, url: this.#urlFor(agentCable), namespace: agentCable.name });
  }

  #urlFor({ address }: CabledNamespace): string {
    return `http://${address}:${this.#port}`;
  }
}

export interface Calling {
  readonly input?: string | Readable;
  readonly tokenFile?: string;
}

/** Waits until it has printed that. */
export async function prints(running: Running, text: string | RegExp, timeoutMs = 20_000): Promise<void> {
  const isPrinted = () => (typeof text === 'string' ? running.stdout().includes(text) : text.test(running.stdout()));
  const hasEnded = () => running.child.exitCode !== null || running.child.signalCode !== null;
  await waitUntil(String(text), () => isPrinted() || hasEnded(), { timeoutMs }).catch(() => undefined); // Told below.
  if (isPrinted()) return;
  throw new Error(`It prints no ${text}:\n${running.stdout().slice(-1_000)}\n--\n${running.stderr().slice(-1_000)}`);
}
