import { EventEmitter, on } from 'node:events';
import type { EngineEvent, HostEngineInformation } from '../../src/engine/host-engine.ts';
import type { Fault } from './simulated-calls.ts';
import { SimulatedHostEngine } from './simulated-host-engine.ts';
import type { SimulatedState } from './simulated-state.ts';

/** A simulated engine on which time goes by as on the clock, and which tells what changes: enough for a whole agent. */
export class LiveSimulatedEngine extends SimulatedHostEngine {
  readonly #changes: EventEmitter;

  constructor(state: SimulatedState, changes: EventEmitter, fault: (call: string) => Fault) {
    super(state, fault);
    this.#changes = changes;
  }

  override async describeHost(): Promise<HostEngineInformation> {
    await this.ping();
    return {
      id: 'simulated',
      hostName: 'simulated',
      product: 'docker',
      kernel: 'simulated',
      distribution: 'simulated',
      // Nowhere on this machine, whose disk may be full.
      rootFolder: '/nonexistent/simulated',
      cgroupVersion: 2,
      runtimes: [],
      version: '0.0.0',
      operatingSystem: 'linux',
      architecture: process.arch,
      cpus: 1,
      memoryBytes: 1,
      hasCpuLimit: true,
      hasMemoryLimit: true,
      hasPidsLimit: true,
    };
  }

  override events(signal: AbortSignal): AsyncIterable<EngineEvent> {
    // From the call on, though nobody reads yet.
    return this.#follow(on(this.#changes, 'change', { signal }));
  }

  async *#follow(changes: AsyncIterable<unknown>): AsyncGenerator<EngineEvent> {
    for await (const _ of changes) {
      if (this.isDead) return;
      yield { type: 'container', action: 'change', name: '' };
    }
  }
}

const tickMs = 5;

/** Time goes by for what a simulated engine has, and what becomes of it is told, until the signal. */
export function bringToLife(state: SimulatedState, signal: AbortSignal): EventEmitter {
  const changes = new EventEmitter().setMaxListeners(0);
  state.nowMs = Date.now();
  let last = '';
  state.onChange = () => {
    const now = JSON.stringify(
      [...state.containers.values()].map(({ id, name, status, health }) => [id, name, status, health]),
    );
    if (now === last) return;
    last = now;
    changes.emit('change');
  };
  const ticking = setInterval(() => state.advance(Date.now() - state.nowMs), tickMs);
  signal.addEventListener('abort', () => clearInterval(ticking), { once: true });
  return changes;
}
