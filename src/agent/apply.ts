import { isAppError } from '../contracts/errors.ts';
import type { StepReport } from '../contracts/host-change.ts';
import type { StepOutcome } from '../reconcile/remember.ts';
import type { Step } from '../reconcile/step.ts';
import type { Decision } from '../reconcile/target.ts';
import { type MoveContext, makeMove, unwantedWords } from './apply-moves.ts';
import { type Ended, isImageWork, reporting, type StepCalls, takeSteps } from './apply-round.ts';
import { problemText } from './problem-text.ts';

export interface StepRunnerOptions {
  /** Steps at once, besides work on images. Default: 4. */
  readonly concurrency?: number;
  /** Pulls at once. Default: 2. */
  readonly imageConcurrency?: number;
  /** Each change of a step's state. */
  readonly onReport?: (report: StepReport) => void;
  /** A step was taken to its end. */
  readonly onOutcome: (step: Step, outcome: StepOutcome) => void;
  /** Something ended that no round waited for: it is time to look again. */
  readonly onWorkEnded?: () => void;
  /** How long a round waits for a container that is to end. Default: 500. */
  readonly lingerMs?: number;
}

const defaults = {
  ...{ concurrency: 4, imageConcurrency: 2, lingerMs: 500 },
  ...{ onReport: () => {}, onWorkEnded: () => {} },
} as const;

interface Run extends StepCalls {
  readonly context: ApplyContext;
  /** Gets the containers that are stopped. */
  readonly stopped: Set<string>;
}

interface ImageWork {
  readonly fingerprint: string;
  readonly controller: AbortController;
  readonly ended: Promise<void>;
}

interface Lingering {
  readonly signal: AbortSignal;
  readonly ended: Promise<void>;
}

/** What became of the steps that were taken. */
export interface Applied {
  /** The engine did not answer: trying again at once is of no use. */
  readonly isEngineGone: boolean;
  /** Ids of the containers that the engine was told to stop. */
  readonly stopped: ReadonlySet<string>;
  /** Those that wait for a container to end, and go on then. */
  readonly lingering: ReadonlySet<Step>;
}

export interface ApplyContext extends MoveContext {
  /** Ends even the wait for what a step has begun to take down. Default: the signal does. */
  readonly hurry?: AbortSignal;
  /** What people call something that a move has by its id. Default: nothing has another name. */
  readonly nameOf?: (id: string) => string | undefined;
}

/**
 * Takes steps in the order of what they come after, several at once. Pulls, builds and containers that are to end take as long
 * as they take: they go on over many decisions, and what needs them comes with a later one.
 */
export class StepRunner {
  readonly #options: Required<StepRunnerOptions>;
  readonly #imageWork = new Map<string, ImageWork>();
  readonly #lingering = new Map<Step, Lingering>();
  #imageTurn: Promise<void>[] = [];

  constructor(options: StepRunnerOptions) {
    this.#options = { ...defaults, ...options };
  }

  /** Work on images that goes on: read it before the host is observed. */
  get underWay(): ReadonlyMap<string, string> {
    return new Map([...this.#imageWork].map(([attempt, { fingerprint }]) => [attempt, fingerprint]));
  }

  /** Steps that go on because a container takes its time to end, by attempt: read them before the host is observed. */
  get busy(): ReadonlyMap<string, Step> {
    return new Map([...this.#lingering.keys()].map((step) => [step.attempt, step]));
  }

  /** Waits for what goes on though its signal came: until nothing is down any more that it took down. */
  async endCut(): Promise<void> {
    const cut = [...this.#lingering.values()].filter(({ signal }) => signal.aborted);
    await Promise.all(cut.map(({ ended }) => ended));
  }

  /** Resolves once all that does not go on for long is done, has failed or, after the signal, was left undone. */
  async apply(decision: Decision, context: ApplyContext, signal: AbortSignal): Promise<Applied> {
    await this.#cutShort(decision);
    const stopped = new Set<string>();
    const { isEngineGone } = await takeSteps(decision.steps, {
      concurrency: this.#options.concurrency,
      report: this.#options.onReport,
      run: (step, calls) => this.#runUntilEnd(step, { context, stopped, ...calls }),
      begin: (step) => this.#beginImageWork(step, context),
      cut: { signal, hurry: context.hurry ?? signal },
    });
    return { isEngineGone, stopped, lingering: new Set(this.#lingering.keys()) };
  }

  async close(): Promise<void> {
    const work = [...this.#imageWork.values()];
    for (const { controller } of work) controller.abort();
    await Promise.all([...work, ...this.#lingering.values()].map(({ ended }) => ended));
  }

  async #cutShort({ underWay }: Decision): Promise<void> {
    const unwanted = [...this.#imageWork].filter(([attempt]) => !underWay.includes(attempt));
    for (const [, { controller }] of unwanted) controller.abort();
    await Promise.all(unwanted.map(([, { ended }]) => ended));
  }

  #beginImageWork(step: Step, context: ApplyContext): void {
    const { attempt, fingerprint } = step;
    const controller = new AbortController();
    const work = async () => {
      const cut = { signal: controller.signal, hurry: controller.signal };
      await reporting(step, this.#options.onReport, (begun) =>
        this.#run(step, { context, cut, begun, lingers: () => {}, stopped: new Set() }),
      );
    };
    // Builds wait in a queue of their own, where they can be seen, and hold up no pull.
    const begun = step.kind === 'build-image' ? work() : this.#imageSlot(controller.signal, work);
    const ended = begun.finally(() => {
      this.#imageWork.delete(attempt);
      this.#options.onWorkEnded();
    });
    this.#imageWork.set(attempt, { fingerprint, controller, ended });
  }

  async #imageSlot(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    const before = this.#imageTurn.at(-this.#options.imageConcurrency);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#imageTurn = [...this.#imageTurn, promise].slice(-2 * this.#options.imageConcurrency);
    try {
      await before;
      if (!signal.aborted) await work();
    } finally {
      resolve();
    }
  }

  /** Remembers it from when it lingers until it ends. */
  async #runUntilEnd(step: Step, run: Run): Promise<Ended> {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const lingers = () => {
      this.#lingering.set(step, { signal: run.cut.signal, ended });
      run.lingers();
    };
    try {
      return await this.#run(step, { ...run, lingers });
    } finally {
      if (this.#lingering.delete(step)) this.#options.onWorkEnded();
      resolve();
    }
  }

  async #run(step: Step, { context, cut, begun, lingers, stopped }: Run): Promise<Ended> {
    const { signal, hurry } = cut;
    const moving = { ...context, onBuildBegun: begun };
    const down = whileDown(step);
    let imageId: string | undefined;
    try {
      for (const [index, move] of step.moves.entries()) {
        if (index <= down.from || index > down.to) signal.throwIfAborted();
        if (move.do === 'stop') stopped.add(move.container);
        const isDown = index >= down.from && index <= down.to;
        if (move.do !== 'build') begun();
        const lingering = move.do === 'stop' ? this.#lingerSoon(lingers) : undefined;
        const made = makeMove(move, moving, isDown ? hurry : signal).finally(() => clearTimeout(lingering));
        imageId = (await made)?.imageId ?? imageId;
      }
    } catch (error) {
      return this.#failed(step, error, { context, signal });
    }
    this.#options.onOutcome(step, { is: 'done', imageId });
    return { state: 'done' };
  }

  #lingerSoon(lingers: () => void): NodeJS.Timeout | undefined {
    const { lingerMs } = this.#options;
    if (lingerMs > 0) return setTimeout(lingers, lingerMs);
    lingers();
    return undefined;
  }

  #failed(step: Step, error: unknown, { context, signal }: { context: ApplyContext; signal: AbortSignal }): Ended {
    const message = problemText(error).replaceAll(
      /(?<=")[^"\s]+(?=")/g,
      (quoted) => context.nameOf?.(quoted) ?? quoted,
    );
    if (signal.aborted) return { state: 'cancelled', message: unwantedWords };
    // It tells of the engine, nothing of the step: that one is tried again as soon as the engine answers.
    if (isAppError(error, 'unreachable') && !isImageWork(step)) return { state: 'failed', message, isEngineGone: true };
    this.#options.onOutcome(step, { is: 'failed', message, code: isAppError(error) ? error.code : 'internal' });
    return { state: 'failed', message };
  }
}

/** From the first move that takes something down to the last that brings something back; none where nothing comes back. */
function whileDown({ moves }: Step): { from: number; to: number } {
  const to = moves.findLastIndex((move) => move.do === 'start' || move.do === 'remove-network');
  const from = moves.findIndex((move) => move.do === 'stop' || move.do === 'disconnect');
  return from === -1 || from > to ? { from: moves.length, to: moves.length } : { from, to };
}
