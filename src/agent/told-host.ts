import { canonicalize } from '../base/canonical-json.ts';
import { sha256Hex } from '../base/hash.ts';
import type { PlanProblem, StepReport } from '../contracts/host-change.ts';
import type { HostObservation } from '../contracts/host-observation.ts';
import type { Decision } from '../reconcile/target.ts';
import { reportable } from './observe.ts';
import { advance, type Progress } from './progress.ts';
import type { Told } from './reports.ts';

/** The same observation is told again after this long, so that it shows that somebody looks. */
const freshMs = 300_000;
/** Steps that are kept for people to see: those of the latest decisions. */
const mostSteps = 1_000;

export interface Looked {
  readonly observed: HostObservation;
  readonly hostId: string;
}

/** Finds what is news to the server in what a host's passes give. */
export class ToldHost {
  readonly #now: () => number;
  readonly #steps = new Map<string, StepReport>();
  // Who was told of steps by an agent that died takes them for going on.
  #areStepsTold = false;
  #digests = new Map<string, string>();
  #observedAt = 0;
  #revision = 0;
  #problems: readonly PlanProblem[] = [];
  #ownProblems: readonly PlanProblem[] = [];
  progress: Progress | undefined;

  constructor(now: () => number, progress: Progress | undefined) {
    this.#now = now;
    this.progress = progress;
  }

  /** The server may have lost what it was told: all of it is news. */
  forget(): void {
    this.#digests = new Map();
    this.#areStepsTold = false;
  }

  observed({ observed, hostId }: Looked): Told {
    const observation = reportable(observed, hostId);
    const { observedAt: _, disk, ...rest } = observation;
    const isOld = this.#now() - this.#observedAt > freshMs;
    if (!this.#isNews('observation', { ...rest, hasDisk: disk !== undefined }) && !isOld) return {};
    this.#observedAt = this.#now();
    return { observation };
  }

  /** Of one revision. Times are of the server's clock, as far as it is known. */
  decided(revision: number, decision: Decision, at: string): Told {
    if (revision !== this.#revision) this.#steps.clear();
    this.#revision = revision;
    this.#dropUnwanted(decision);
    const progress = advance(this.progress, revision, decision, at);
    const isProgress = progress !== this.progress || this.#isNews('times', progress.times);
    this.progress = progress;
    const { workspaces } = decision;
    this.#problems = decision.problems;
    const problems = [...this.#problems, ...this.#ownProblems];
    const news: Told = {
      ...(isProgress && { times: progress.times }),
      ...(this.#isNews('workspaces', workspaces) && { workspaces: [...workspaces] }),
      ...(this.#isNews('problems', { revision, problems }) && { problems: [...problems] }),
      ...(!this.#areStepsTold && { steps: [...this.#steps.values()] }),
    };
    this.#areStepsTold = true;
    return Object.keys(news).length === 0 ? {} : { revision, ...news };
  }

  /** Problems of the agent itself, besides those of the host. */
  own(problems: readonly PlanProblem[]): Told {
    this.#ownProblems = problems;
    const all = [...this.#problems, ...problems];
    const revision = this.#revision;
    if (!this.#isNews('problems', { revision, problems: all })) return {};
    return { ...(revision > 0 && { revision }), problems: all };
  }

  step(report: StepReport): Told {
    const key = keyOf(report);
    this.#steps.delete(key);
    this.#steps.set(key, report);
    const [oldest] = this.#steps.keys();
    if (this.#steps.size > mostSteps && oldest !== undefined) this.#steps.delete(oldest);
    this.#areStepsTold = true;
    return { revision: this.#revision, steps: [...this.#steps.values()] };
  }

  /** Those that waited for others, and that a later decision has no more. */
  #dropUnwanted({ steps, underWay }: Decision): void {
    // What goes on over many decisions is known by its kind and name.
    const wanted = new Set([...steps.map(keyOf), ...underWay]);
    for (const [key, { state }] of this.#steps) {
      if (state !== 'waiting' || wanted.has(key)) continue;
      this.#steps.delete(key);
      this.#areStepsTold = false;
    }
  }

  #isNews(what: string, value: unknown): boolean {
    const digest = sha256Hex(canonicalize(JSON.parse(JSON.stringify(value))));
    const isNews = this.#digests.get(what) !== digest;
    this.#digests.set(what, digest);
    return isNews;
  }
}

function keyOf({ kind, name }: Pick<StepReport, 'kind' | 'name'>): string {
  return `${kind} ${name}`;
}
