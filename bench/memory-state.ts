import type { AgentState, StateName } from '../src/agent/agent-state.ts';

/** Of an agent that lives once. */
export class MemoryState implements AgentState {
  readonly place = 'memory';
  readonly #texts = new Map<StateName, string>();

  async read(name: StateName): Promise<string | undefined> {
    return this.#texts.get(name);
  }

  async write(name: StateName, text: string): Promise<void> {
    this.#texts.set(name, text);
  }

  async remove(name: StateName): Promise<void> {
    this.#texts.delete(name);
  }

  async flush(): Promise<void> {
    // There is nothing that it would survive in.
  }
}
