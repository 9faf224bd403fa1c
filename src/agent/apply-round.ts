import type { StepReport } from '../contracts/host-change.ts';
import type { Step } from '../reconcile/step.ts';

/** How a step ended. */
export interface Ended {
  readonly state: 'done' | 'failed' | 'cancelled';
  readonly message?: string;
  readonly isEngineGone?: boolean;
  /** It took something away from what runs, which comes back with the steps that need this one. */
  readonly hasTakenAway?: boolean;
}

/** What a round has of a step: one that lingers goes on after it, and what needs it is left to a later round. */
interface Taken extends Omit<Ended, 'state'> {
  readonly state: Ended['state'] | 'lingers';
}

/** How steps are cut short. */
export interface Cut {
  /** Nothing is begun any more. What was taken down is brought back first. */
  readonly signal: AbortSignal;
  /** Nor is that waited for: something newer decides what comes back. */
  readonly hurry: AbortSignal;
}

/** What a step gets, and calls. */
export interface StepCalls {
  readonly cut: Cut;
  /** It begins. */
  readonly begun: () => void;
  /** All that it does for now is wait. */
  readonly lingers: () => void;
}

export interface RoundOptions {
  readonly concurrency: number;
  readonly report: (report: StepReport) => void;
  readonly run: (step: Step, how: StepCalls) => Promise<Ended>;
  /** Begins work that goes on for long: what comes after it is left to a later round. */
  readonly begin: (step: Step) => void;
  readonly cut: Cut;
}

/** Takes the steps of one decision, each after those it needs. */
export async function takeSteps(steps: readonly Step[], options: RoundOptions): Promise<{ isEngineGone: boolean }> {
  const ends: Promise<Taken>[] = [];
  const acquire = slots(options.concurrency);
  for (const step of steps) {
    options.report(reportOf(step, { state: 'waiting' }));
    const before = step.after.map((index) => ends[index]);
    ends.push(isImageWork(step) ? beginLong(step, before, options) : takeOne(step, before, { ...options, acquire }));
  }
  const ended = await Promise.all(ends);
  return { isEngineGone: ended.some(({ isEngineGone }) => isEngineGone === true) };
}

/** Runs a step, which says when it has begun, and tells that and how it ends. */
export async function reporting(
  step: Step,
  report: (report: StepReport) => void,
  run: (begun: () => void) => Promise<Ended>,
): Promise<Ended> {
  let start: { readonly startedAt?: string } = {};
  const ended = await run(() => {
    if (start.startedAt !== undefined) return;
    start = { startedAt: new Date().toISOString() };
    report(reportOf(step, { state: 'running', ...start }));
  });
  const endedAt = new Date().toISOString();
  const message = ended.message === undefined ? {} : { message: ended.message.slice(0, 4096) };
  report(reportOf(step, { state: ended.state, ...start, endedAt, ...message }));
  return ended;
}

/** Work that goes on for long, and whose failures may be a registry's. */
export function isImageWork({ kind }: Step): boolean {
  return kind === 'pull-image' || kind === 'build-image';
}

async function beginLong(step: Step, before: Befores, { begin, cut }: RoundOptions): Promise<Taken> {
  await Promise.all(before);
  if (!cut.signal.aborted) begin(step);
  return { state: 'cancelled' };
}

type Befores = readonly (Promise<Taken> | undefined)[];

async function takeOne(
  step: Step,
  before: Befores,
  options: RoundOptions & { readonly acquire: () => Promise<() => void> },
): Promise<Taken> {
  const needs = await Promise.all(before);
  if (needs.some((need) => need?.state !== 'done')) {
    // Told as waiting: the next decision has it again, or has it no more.
    return { state: 'cancelled' };
  }
  const isBringingBack = needs.some((need) => need?.hasTakenAway === true);
  const { signal, hurry } = options.cut;
  const cut = isBringingBack ? { signal: hurry, hurry } : { signal, hurry };
  const release = await options.acquire();
  if (cut.signal.aborted) {
    release();
    return { state: 'cancelled' };
  }
  const lingering = Promise.withResolvers<Taken>();
  const lingers = () => lingering.resolve({ state: 'lingers' });
  const ending = reporting(step, options.report, (begun) => options.run(step, { cut, begun, lingers }));
  try {
    const ended = await Promise.race([ending, lingering.promise]);
    return { ...ended, hasTakenAway: isBringingBack || step.moves.some((move) => move.do === 'disconnect') };
  } finally {
    release();
  }
}

function reportOf(step: Step, rest: Omit<StepReport, 'kind' | 'name' | 'reason'>): StepReport {
  const { kind, name, reason } = step;
  return { kind, name, reason, ...rest };
}

/** At most so many at once, in the order they asked. */
function slots(count: number): () => Promise<() => void> {
  let free = count;
  const waiting: (() => void)[] = [];
  const release = () => {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  };
  return async () => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    return release;
  };
}
