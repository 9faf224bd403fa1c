import { waitUntil } from '../src/base/deadline.ts';
import { dockerHostSessions } from '../src/engine/docker-host-sessions.ts';
import type { HostSessions } from '../src/engine/host-sessions.ts';
import { BenchEngine, benchImage } from './fleet-engine.ts';
import { FleetProcesses } from './fleet-processes.ts';
import { specOf } from './fleet-samples.ts';
import { Caller } from './session-caller.ts';
import { type Program, programHere, programThere } from './session-program.ts';

const name = 'box';
const workspace = 'w0';
const patience = { timeoutMs: 120_000, intervalMs: 100 };

/** A real engine with one container, reached through a server and an agent, and directly. */
export class EnginePlace {
  readonly fleet: FleetProcesses;
  readonly agentPid: number;
  readonly #engine: BenchEngine;
  readonly #calls: HostSessions;
  readonly #caller: Caller;

  private constructor(fleet: FleetProcesses, engine: BenchEngine, agentPid: number) {
    this.fleet = fleet;
    this.agentPid = agentPid;
    this.#engine = engine;
    this.#calls = dockerHostSessions({ endpoint: engine.endpoint });
    const { url, token } = fleet;
    this.#caller = new Caller({ url, token, host: name, workspace });
  }

  static async start(): Promise<EnginePlace> {
    const engine = await BenchEngine.start();
    try {
      const fleet = await FleetProcesses.start({ watchesMemory: true });
      try {
        const { pid } = await fleet.startAgent(name, engine.host);
        const params = { host: name };
        await fleet.admin.call('applySpec', { params, body: { spec: specOf(benchImage, 1) } });
        const status = () => fleet.admin.call('getHost', { params });
        await waitUntil('the workspace', async () => (await status()).change?.times.healthy !== undefined, patience);
        return new EnginePlace(fleet, engine, pid);
      } catch (error) {
        await fleet.close();
        throw error;
      }
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  /** Through server and agent. */
  async ours(command: readonly string[], isTerminal: boolean): Promise<Program> {
    return programHere(this.#caller.exec(command, { isTerminal }));
  }

  /** As the engine itself runs it for who is beside it. */
  async own(command: readonly string[], isTerminal: boolean): Promise<Program> {
    const terminal = isTerminal ? { columns: 80, rows: 24 } : undefined;
    return programThere(await this.#calls.exec(workspace, { command, env: [], hasInput: true, terminal }));
  }

  async close(): Promise<void> {
    this.#caller.close();
    await this.fleet.close();
    await this.#engine.close();
  }
}
