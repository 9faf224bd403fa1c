import { isAppError } from '../contracts/errors.ts';
import type { StepReport } from '../contracts/host-change.ts';
import type { StepOutcome } from '../reconcile/remember.ts';
import type { Step } from '../reconcile/step.ts';
import type { Decision } from '../reconcile/target.ts';
import { type MoveContext, makeMove } from './apply-moves.ts';
import { type Ended, isImageWork, reporting, takeSteps } from './apply-round.ts';

export interface StepRunnerOptions {
  /** Steps at once, besides work on images. Default: 4. */
  readonly concurrency?: number;
  /** Pulls at once. Default: 2. */
  readonly imageConcurrency?: number;
  /** Each change of a step's state. */
  readonly onReport?: (report: StepReport) => void;
  /** A step was taken to its end. */
  readonly onOutcome: (step: Step, outcome: StepOutcome) => void;
  /** Work on an image ended: it is time to look again. */
  readonly onImageWork?: () => void;
}

const defaults = { concurrency: 4, imageConcurrency: 2, onReport: () => {}, onImageWork: () => {} } as const;

interface ImageWork {
  readonly fingerprint: string;
  readonly controller: AbortController;
  readonly ended: Promise<void>;
}

/** What became of the steps that were taken. */
export interface Applied {
  /** The engine did not answer: trying again at once is of no use. */
  readonly isEngineGone: boolean;
}

/**
 * Takes steps in the order of what they come after, several at once. Pulls and builds take as long as they take: they go on
 * over many decisions, and what needs them comes with a later one.
 */
export class StepRunner {
  readonly #options: Required<StepRunnerOptions>;
  readonly #imageWork = new Map<string, ImageWork>();
  #imageTurn: Promise<void>[] = [];

  constructor(options: StepRunnerOptions) {
    this.#options = { ...defaults, ...options };
  }

  /** Work on images that goes on: read it before the host is observed. */
  get underWay(): ReadonlyMap<string, string> {
    return new Map([...this.#imageWork].map(([attempt, { fingerprint }]) => [attempt, fingerprint]));
  }

  /** Resolves once all but the work on images is done, has failed or, after the signal, was left undone. */
  async apply(decision: Decision, context: MoveContext, signal: AbortSignal): Promise<Applied> {
    await this.#cutShort(decision);
    return await takeSteps(decision.steps, {
      concurrency: this.#options.concurrency,
      report: this.#options.onReport,
      run: (step) => this.#run(step, context, signal),
      begin: (step) => this.#beginImageWork(step, context),
      signal,
    });
  }

  async close(): Promise<void> {
    const work = [...this.#imageWork.values()];
    for (const { controller } of work) controller.abort();
    await Promise.all(work.map(({ ended }) => ended));
  }

  async #cutShort({ underWay }: Decision): Promise<void> {
    const unwanted = [...this.#imageWork].filter(([attempt]) => !underWay.includes(attempt));
    for (const [, { controller }] of unwanted) controller.abort();
    await Promise.all(unwanted.map(([, { ended }]) => ended));
  }

  #beginImageWork(step: Step, context: MoveContext): void {
    const { attempt, fingerprint } = step;
    const controller = new AbortController();
    const work = async () => {
      await reporting(step, this.#options.onReport, () => this.#run(step, context, controller.signal));
    };
    // Builds wait in a queue of their own, where they can be seen, and hold up no pull.
    const begun = step.kind === 'build-image' ? work() : this.#imageSlot(controller.signal, work);
    const ended = begun.finally(() => {
      this.#imageWork.delete(attempt);
      this.#options.onImageWork();
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

  async #run(step: Step, context: MoveContext, signal: AbortSignal): Promise<Ended> {
    let imageId: string | undefined;
    let cutBy = signal;
    try {
      for (const [index, move] of step.moves.entries()) {
        cutBy.throwIfAborted();
        imageId = (await makeMove(move, context, cutBy))?.imageId ?? imageId;
        // What was stopped comes back before anything newer: there may be nothing newer, on a host that was disabled.
        const isBringingBack = step.moves.slice(index).some((later) => later.do === 'start');
        if (move.do === 'stop' && isBringingBack) cutBy = new AbortController().signal;
      }
    } catch (error) {
      return this.#failed(step, error, signal);
    }
    this.#options.onOutcome(step, { is: 'done', imageId });
    return { state: 'done' };
  }

  #failed(step: Step, error: unknown, signal: AbortSignal): Ended {
    const message = error instanceof Error ? error.message : String(error);
    if (signal.aborted) return { state: 'cancelled', message: 'Something newer is declared, or the agent stops' };
    // It tells of the engine, nothing of the step: that one is tried again as soon as the engine answers.
    if (isAppError(error, 'unreachable') && !isImageWork(step)) return { state: 'failed', message, isEngineGone: true };
    // A person ended it, and wants no other try of the same.
    const isHeld = isAppError(error, 'interrupted');
    this.#options.onOutcome(step, { is: 'failed', message, isHeld });
    return { state: 'failed', message };
  }
}
