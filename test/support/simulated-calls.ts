import { setImmediate as nextTurn } from 'node:timers/promises';
import { AppError } from '../../src/contracts/errors.ts';
import type { SimulatedState } from './simulated-state.ts';

/** What befalls one call: nothing, a failure, an answer that is lost, or the end of the agent before or after it. */
export type Fault = 'none' | 'slow' | 'fails' | 'lost' | 'dies-before' | 'dies-after' | EngineEnd;
/** The engine ends in the middle: a volume is then there without what it was to be given. The agent may end with it. */
type EngineEnd = 'engine-ends' | 'both-end';

/** Ends a simulated agent: every later call of its engine fails the same way. */
export class AgentDied extends Error {}

/** The calls of one life of an agent, each of which may meet a fault. */
export class SimulatedCalls {
  readonly #state: SimulatedState;
  readonly #fault: (call: string) => Fault;
  isDead = false;

  constructor(state: SimulatedState, fault: (call: string) => Fault) {
    this.#state = state;
    this.#fault = fault;
  }

  /** One that changes what the engine has. `half`: what of it is done where the engine ends in the middle. */
  async change<T>(
    call: string,
    act: (state: SimulatedState) => T,
    half: (state: SimulatedState) => void = () => {},
  ): Promise<T> {
    const changed = <R>(how: (state: SimulatedState) => R) => {
      const outcome = how(this.#state);
      this.#state.onChange();
      return outcome;
    };
    return await this.call(
      call,
      () => changed(act),
      () => changed(half),
    );
  }

  async call<T>(call: string, act: () => T, half: () => void = () => {}): Promise<T> {
    if (this.isDead) throw new AgentDied(call);
    const fault = this.#fault(call);
    if (fault === 'dies-before') this.isDead = true;
    if (this.isDead) throw new AgentDied(call);
    if (fault === 'engine-ends' || fault === 'both-end') {
      half();
      this.isDead = fault === 'both-end';
      if (this.isDead) throw new AgentDied(call);
      throw new AppError('unreachable', `Cannot ${call}: no answer came`);
    }
    if (fault === 'fails') throw new AppError('internal', `Cannot ${call}: the engine failed`);
    await nextTurn();
    if (fault === 'slow') for (let turn = 0; turn < 5; turn++) await nextTurn();
    if (this.isDead) throw new AgentDied(call);
    const outcome = act();
    if (fault === 'dies-after') this.isDead = true;
    if (this.isDead) throw new AgentDied(call);
    if (fault === 'lost') throw new AppError('unreachable', `Cannot ${call}: no answer came`);
    await nextTurn();
    return outcome;
  }
}
