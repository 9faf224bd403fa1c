import assert from 'node:assert/strict';
import { HostKeeper, type Pass } from '../../src/agent/host-keeper.ts';
import { defaultHostSettings } from '../../src/contracts/fleet.ts';
import type { HostSpec } from '../../src/contracts/host-spec.ts';
import { emptyMemory, type Memory } from '../../src/reconcile/memory.ts';
import type { Target } from '../../src/reconcile/target.ts';
import { AgentDied, type Fault } from './simulated-calls.ts';
import { SimulatedHostEngine } from './simulated-host-engine.ts';
import type { SimulatedState } from './simulated-state.ts';

export const simulatedHostId = 'h-aaaaaaaaaaaaaaaaaaaaaaaaaa';

export function aTarget(spec: HostSpec, rest: Partial<Target> = {}): Target {
  return { hostId: simulatedHostId, revision: 1, spec, settings: defaultHostSettings, ...rest };
}

async function* noContext(): AsyncGenerator<Uint8Array> {}

/** One life after the other of an agent on a simulated engine: it dies at any call and comes back with what it had saved. */
export class SimulatedHost {
  readonly #state: SimulatedState;
  readonly #fault: (call: string) => Fault;
  readonly #forgets: () => boolean;
  readonly #lingerMs: number | undefined;
  #controller = new AbortController();
  #callsLeft = Number.POSITIVE_INFINITY;
  #engine: SimulatedHostEngine;
  #keeper: HostKeeper;
  #saved: Memory = emptyMemory;
  lives = 1;

  /** `forgets` tells for each death whether what it had saved is lost with it; where it `lingers`, no round waits for a stop. */
  constructor(
    state: SimulatedState,
    fault: (call: string) => Fault = () => 'none',
    { forgets = () => false, lingers = false }: { forgets?: () => boolean; lingers?: boolean } = {},
  ) {
    this.#state = state;
    this.#forgets = forgets;
    this.#lingerMs = lingers ? 0 : undefined;
    this.#fault = (call) => {
      this.#callsLeft -= 1;
      if (this.#callsLeft === 0) this.#controller.abort();
      return fault(call);
    };
    this.#engine = new SimulatedHostEngine(state, this.#fault);
    this.#keeper = this.#begin();
  }

  /** Passes until there is nothing more to do or to wait for. Time goes by only while nothing can be done. */
  async converge(target: Target, mostPasses = 400): Promise<Pass> {
    for (let passes = 0; passes < mostPasses; passes++) {
      const pass = await this.#pass(target);
      if (pass === undefined) continue;
      const { decision, isEngineGone } = pass;
      if (isEngineGone) this.#state.advance(1_000);
      if (decision.steps.length > 0 || decision.underWay.length > 0) continue;
      if (decision.wakeAt === undefined) return pass;
      this.#state.advance(Math.max(1, decision.wakeAt - this.#state.nowMs));
    }
    assert.fail(`it does not settle in ${mostPasses} passes`);
  }

  /** Passes until a newer target comes, which is after so many calls of the engine. */
  async begin(target: Target, calls: number): Promise<void> {
    this.#callsLeft = calls;
    for (let passes = 0; passes < 20 && this.#callsLeft > 0; passes++) await this.#pass(target);
    this.#callsLeft = Number.POSITIVE_INFINITY;
    this.#controller = new AbortController();
  }

  /** A pass, or undefined where the agent died or the engine did not answer. */
  async #pass(target: Target): Promise<Pass | undefined> {
    try {
      const pass = await this.#keeper.pass(target, this.#controller.signal);
      if (this.#engine.isDead) await this.#comeBack();
      return pass;
    } catch (error) {
      if (error instanceof AgentDied || this.#engine.isDead) await this.#comeBack();
      else this.#state.advance(1_000);
      return undefined;
    }
  }

  async #comeBack(): Promise<void> {
    await this.#keeper.close().catch(() => {});
    this.lives += 1;
    if (this.#forgets()) this.#saved = emptyMemory;
    this.#engine = new SimulatedHostEngine(this.#state, this.#fault);
    this.#keeper = this.#begin();
  }

  #begin(): HostKeeper {
    const engine = this.#engine;
    return new HostKeeper({
      engine,
      memory: this.#saved,
      save: async (memory) => {
        if (!engine.isDead) this.#saved = structuredClone(memory);
      },
      now: () => this.#state.nowMs,
      ...(this.#lingerMs !== undefined && { lingerMs: this.#lingerMs }),
      buildImage: ({ tag, labels }) =>
        engine.build(noContext(), { tag, labels, args: {}, dockerfile: 'Dockerfile', useCache: true, pullBase: false }),
      openSecrets: async (refs) => refs,
    });
  }
}
