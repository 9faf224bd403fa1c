import type { HostObservation } from '../contracts/host-observation.ts';
import { emptyMemory, type Memory } from '../reconcile/memory.ts';
import { reconcile } from '../reconcile/reconcile.ts';
import { remember } from '../reconcile/remember.ts';
import { withoutUnsent } from '../reconcile/stops.ts';
import type { Decision, Target } from '../reconcile/target.ts';
import { type Applied, type ApplyContext, StepRunner, type StepRunnerOptions } from './apply.ts';
import type { MoveContext } from './apply-moves.ts';
import { nameOfId, observe } from './observe.ts';

export interface HostKeeperOptions extends Omit<StepRunnerOptions, 'onOutcome'>, Omit<MoveContext, 'settings'> {
  /** As `save` was last given it. Default: nothing is remembered. */
  readonly memory?: Memory;
  /** Keeps the memory; a decision's steps are taken once it is kept. */
  readonly save: (memory: Memory) => Promise<void>;
  readonly disk?: () => Promise<HostObservation['disk']>;
  readonly now?: () => number;
}

export interface Decided {
  readonly observed: HostObservation;
  readonly decision: Decision;
}
export interface Pass extends Decided, Pick<Applied, 'isEngineGone'> {}

export interface PassOptions extends Pick<ApplyContext, 'hurry'> {
  /** Told before anything is done. Default: nobody is. */
  readonly onDecided?: (decided: Decided) => void;
}

/** Keeps one host as it is declared: each pass looks at the engine, decides and acts. */
export class HostKeeper {
  readonly #options: HostKeeperOptions;
  readonly #runner: StepRunner;
  readonly #now: () => number;
  #memory: Memory;
  #revision = 0;
  #saved: string | undefined;

  constructor(options: HostKeeperOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#memory = options.memory ?? emptyMemory;
    this.#runner = new StepRunner({
      ...options,
      onOutcome: (step, outcome) => {
        this.#memory = remember(this.#memory, { step, outcome, revision: this.#revision, now: this.#now() });
      },
    });
  }

  /** One pass, never two at once. The signal ends it once nothing is down that it took down; `hurry` ends it at once. */
  async pass(target: Target, signal: AbortSignal, { hurry, onDecided }: PassOptions = {}): Promise<Pass> {
    const { engine, disk } = this.#options;
    await this.#runner.endCut();
    const { underWay, busy } = this.#runner;
    const before = this.#memory;
    const observed = await observe(engine, { signal, ...(disk === undefined ? {} : { disk }) });
    const decision = reconcile(target, observed, { memory: this.#memory, now: this.#now(), underWay, busy });
    this.#memory = decision.memory;
    this.#revision = target.revision;
    onDecided?.({ observed, decision });
    await this.#save();
    const context = {
      ...{ ...this.#options, settings: target.settings, nameOf: (id: string) => nameOfId(observed, id) },
      ...(hurry !== undefined && { hurry }),
    };
    const { isEngineGone, stopped, lingering } = await this.#runner.apply(decision, context, signal);
    const steps = decision.steps.filter((step) => !lingering.has(step));
    this.#memory = withoutUnsent(this.#memory, { steps, before, sent: stopped });
    await this.#save();
    return { isEngineGone, observed, decision };
  }

  /** Cuts work on images short, and waits until that and what else goes on has ended. */
  async close(): Promise<void> {
    await this.#runner.close();
    await this.#save();
  }

  async #save(): Promise<void> {
    const text = JSON.stringify(this.#memory);
    if (text === this.#saved) return;
    await this.#options.save(this.#memory);
    this.#saved = text;
  }
}
