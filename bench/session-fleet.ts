import { join } from 'node:path';
import { waitUntil } from '../src/base/deadline.ts';
import { FleetProcesses, Started } from './fleet-processes.ts';
import { specOf } from './fleet-samples.ts';
import type { CallerOptions } from './session-caller.ts';

const image = 'bench:1';
const host = 'scripted';
/** An agent gives one user 64. */
const sessionsPerUser = 50;
const patience = { timeoutMs: 60_000, intervalMs: 50 };

/** A server and an agent as processes of their own, the programs of whose containers are scripted. */
export class SessionFleet {
  readonly fleet: FleetProcesses;
  readonly #agent: Started;
  readonly #users: CallerOptions[] = [];

  private constructor(fleet: FleetProcesses, agent: Started) {
    this.fleet = fleet;
    this.#agent = agent;
  }

  static async start(): Promise<SessionFleet> {
    const fleet = await FleetProcesses.start({ watchesMemory: true });
    try {
      const program = join(import.meta.dirname, 'session-agent-main.ts');
      const words = [program, fleet.url, host, await fleet.joinToken(1), fleet.folder, image];
      const agent = new Started(process.execPath, words, { ...process.env, ...fleet.agentEnv });
      const started = new SessionFleet(fleet, agent);
      await started.#isReady();
      return started;
    } catch (error) {
      await fleet.close();
      throw error;
    }
  }

  get agentPid(): number {
    return this.#agent.pid;
  }

  get serverPid(): number {
    return this.fleet.serverPid;
  }

  get target(): CallerOptions {
    const { url, token } = this.fleet;
    return { url, token, host, workspace: 'w0' };
  }

  /** Enough people for so many sessions at once. */
  async users(sessions: number): Promise<CallerOptions[]> {
    while (this.#users.length * sessionsPerUser < sessions) {
      const body = { name: `user-${this.#users.length}`, role: 'operator' } as const;
      const { token } = await this.fleet.admin.call('addUser', { body });
      this.#users.push({ ...this.target, token });
    }
    return [...this.#users];
  }

  /** As the server knows them. */
  async openSessions(): Promise<number> {
    return (await this.fleet.admin.call('listSessions', {})).sessions.length;
  }

  async close(): Promise<void> {
    await this.#agent.stop();
    await this.fleet.close();
  }

  async #isReady(): Promise<void> {
    const { admin } = this.fleet;
    const status = () => admin.call('getHost', { params: { host } }).catch(() => undefined); // It is not there yet.
    await waitUntil('the scripted agent', async () => (await status())?.host.link.hasSocket, patience);
    await admin.call('applySpec', { params: { host }, body: { spec: specOf(image, 1) } });
    await waitUntil('its workspace', async () => (await status())?.change?.times.healthy !== undefined, patience);
  }
}
