import { cpSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Agent } from '../../src/agent/agent.ts';
import type { AgentState, StateName } from '../../src/agent/agent-state.ts';
import { waitUntil } from '../../src/base/deadline.ts';
import { isAppError } from '../../src/contracts/errors.ts';
import type { HostSpec } from '../../src/contracts/host-spec.ts';
import type { HostStatus } from '../../src/contracts/routes-hosts.ts';
import { FleetServer } from '../../src/server/server.ts';
import { ServerClient } from '../../src/server-client/server-client.ts';
import { Gate } from './fleet-gate.ts';
import { bringToLife, LiveSimulatedEngine } from './live-simulated-engine.ts';
import type { SimulatedState } from './simulated-state.ts';

/** Who is killed, at which of its calls, the first being 1: an agent's that change its engine, a server's that its agent makes. */
export interface Kill {
  readonly who: 'agent' | 'server' | 'both';
  readonly call: number;
  readonly moment: 'before' | 'after';
}

const name = 'box';
const patience = { timeoutMs: 60_000, intervalMs: 50 };
const looks = new Set(['observe', 'ping']);

interface AgentOfNow {
  readonly engine: LiveSimulatedEngine;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/**
 * A whole server and a whole agent in this process, on a simulated engine. One that is killed is cut off at that moment: of a
 * server, what its files then hold is all that the next has; of an agent, what it then had saved. SQLite is synchronous, so that
 * between two events its files are as a killed process leaves them.
 */
export class CrashableFleet {
  readonly state: SimulatedState;
  readonly #folder: string;
  readonly #gate: Gate;
  readonly #changes: ReturnType<typeof bringToLife>;
  readonly #saved = new Map<StateName, string>();
  #servers = 0;
  #server: FleetServer | undefined;
  #url = '';
  #token = '';
  #joinToken = '';
  #agent: AgentOfNow | undefined;
  #fault: (call: string) => 'none' | 'dies-before' | 'dies-after' = () => 'none';

  private constructor(state: SimulatedState, given: { folder: string; gate: Gate; ending: AbortSignal }) {
    this.state = state;
    this.#folder = given.folder;
    this.#gate = given.gate;
    this.#changes = bringToLife(state, given.ending);
  }

  /** Gone after the test. */
  static async start(t: TestContext, state: SimulatedState): Promise<CrashableFleet> {
    const folder = await mkdtemp(join(tmpdir(), 'agora-crashable-'));
    const nowhere = { host: '127.0.0.1', port: 0 };
    const gate = await Gate.open(t, { at: nowhere, to: nowhere, counts: () => true });
    const ending = new AbortController();
    const fleet = new CrashableFleet(state, { folder, gate, ending: ending.signal });
    t.after(async () => {
      ending.abort();
      await fleet.#endAgent();
      await fleet.#server?.close();
      await rm(folder, { recursive: true, force: true });
    });
    await mkdir(fleet.#dataFolderOf(1));
    await fleet.#startServer();
    fleet.#startAgent();
    await waitUntil('the host', async () => (await fleet.status()) !== undefined, patience);
    await fleet.admin.call('changeHost', { params: { host: name }, body: { settings: { diskReserveBytes: 0 } } });
    return fleet;
  }

  get admin(): ServerClient {
    return new ServerClient({ url: this.#url, authorize: () => `Bearer ${this.#token}` });
  }

  /** Undefined while the server does not answer, or does not know the host. */
  async status(): Promise<HostStatus | undefined> {
    try {
      return await this.admin.call('getHost', { params: { host: name } });
    } catch (error) {
      if (isAppError(error, 'unreachable') || isAppError(error, 'not-found')) return undefined;
      throw error;
    }
  }

  /** Declares it, kills as said one after the other, and gives those that were come to, once all is as declared. */
  async goThrough(kills: readonly Kill[], spec: HostSpec): Promise<readonly Kill[]> {
    const { change } = await this.admin.call('applySpec', { params: { host: name }, body: { spec, secrets: {} } });
    const reached: Kill[] = [];
    for (const kill of kills) if (await this.#isKilled(kill, change.revision)) reached.push(kill);
    await this.#healthy(change.revision);
    return reached;
  }

  /** Whether it came to that before all was as declared. Who was killed is there again. */
  async #isKilled(kill: Kill, revision: number): Promise<boolean> {
    const struck = Promise.withResolvers<true>();
    const isServerToo = kill.who === 'both';
    if (kill.who === 'server') this.#gate.lay({ ...kill, strike: () => this.#strikeServer(struck) });
    else this.#fault = this.#agentFault(kill, () => (isServerToo ? this.#strikeServer(struck) : struck.resolve(true)));
    const settled = new AbortController();
    const isReached = await Promise.race([
      struck.promise,
      this.#healthy(revision, settled.signal).then(
        () => false,
        (error: unknown) => settled.signal.aborted || Promise.reject(error),
      ),
    ]);
    settled.abort();
    this.#fault = () => 'none';
    this.#gate.lay(undefined);
    if (isReached) await this.#comeBack(kill);
    return isReached;
  }

  #agentFault({ call, moment }: Kill, strike: () => void): (call: string) => 'none' | 'dies-before' | 'dies-after' {
    let calls = 0;
    return (what) => {
      if (looks.has(what)) return 'none';
      calls += 1;
      if (calls !== call) return 'none';
      strike();
      return moment === 'before' ? 'dies-before' : 'dies-after';
    };
  }

  /** From here on nobody hears it, and nothing that it still does counts. */
  #strikeServer(struck: { resolve(value: true): void }): void {
    cpSync(this.#dataFolder, this.#dataFolderOf(this.#servers + 1), { recursive: true });
    this.#gate.shut();
    struck.resolve(true);
  }

  async #comeBack({ who }: Kill): Promise<void> {
    this.#gate.shut();
    if (who !== 'server') await this.#endAgent();
    if (who !== 'agent') {
      const before = { server: this.#server, folder: this.#dataFolder };
      await this.#startServer();
      await before.server?.close();
      await rm(before.folder, { recursive: true });
    }
    this.#gate.to = placeOf(this.#url);
    if (who !== 'server') this.#startAgent();
  }

  async #endAgent(): Promise<void> {
    const agent = this.#agent;
    if (agent === undefined) return;
    agent.engine.die();
    agent.stop.abort();
    await agent.ended;
  }

  async #healthy(revision: number, signal?: AbortSignal): Promise<void> {
    let last: HostStatus | undefined;
    const isSo = async () => {
      last = (await this.status()) ?? last;
      return last?.change?.revision === revision && last.change.times.healthy !== undefined;
    };
    const options = signal === undefined ? patience : { ...patience, signal };
    await waitUntil(`revision ${revision} to be healthy`, isSo, options).catch((cause) => {
      throw signal?.aborted ? cause : new Error(`It does not become as declared: ${JSON.stringify(last)}`, { cause });
    });
  }

  get #dataFolder(): string {
    return this.#dataFolderOf(this.#servers);
  }

  #dataFolderOf(server: number): string {
    return join(this.#folder, `server-${server}`);
  }

  async #startServer(): Promise<void> {
    this.#servers += 1;
    const server = new FleetServer({ dataFolder: this.#dataFolder, version: '0.0.0', log: () => undefined });
    this.#url = (await server.listen({ host: '127.0.0.1', port: 0 })).url;
    this.#server = server;
    this.#token ||= (await server.addFirstAdmin()) ?? '';
    this.#joinToken ||= await server.createJoinToken({ uses: 1, ttlSeconds: 600 });
    this.#gate.to = placeOf(this.#url);
  }

  #startAgent(): void {
    const engine = new LiveSimulatedEngine(this.state, this.#changes, (call) => this.#fault(call));
    const agent = new Agent({
      serverUrl: `http://127.0.0.1:${this.#gate.port}`,
      name,
      engine,
      state: stateOf(this.#saved, engine),
      version: '0.0.0',
      joinToken: this.#joinToken,
      machineId: 'simulated',
      buildFolder: join(this.#folder, 'builds'),
      log: () => undefined,
    });
    const stop = new AbortController();
    this.#agent = { engine, stop, ended: agent.run(stop.signal) };
  }
}

/** Of one life of an agent: what it writes when it is dead is not written. */
function stateOf(saved: Map<StateName, string>, life: { readonly isDead: boolean }): AgentState {
  return {
    place: 'memory',
    read: async (what) => saved.get(what),
    write: async (what, text) => {
      if (!life.isDead) saved.set(what, text);
    },
    remove: async (what) => {
      if (!life.isDead) saved.delete(what);
    },
    flush: async () => undefined,
  };
}

function placeOf(url: string) {
  return { host: '127.0.0.1', port: Number(new URL(url).port) };
}
