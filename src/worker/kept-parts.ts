import { captureOutputs, captureWorktree, type KeptWork, nothingKept } from './capture.ts';
import { eventsSince, readCgroupEvents } from './cgroup-events.ts';
import { complain, type Job } from './job.ts';
import { failedWith, type Outcome } from './outcome.ts';
import { captureSignal, soonAfter } from './stage-deadline.ts';
import { captureFailure, captureProblem } from './stage-failure.ts';
import { handedNames } from './stray-files.ts';

export type CaptureKind = 'patch' | 'outputs';

/** What of the work was kept so far, each part by itself: one that cannot be kept takes nothing from the other. */
export class KeptParts {
  readonly #job: Job;
  readonly #parts = new Map<CaptureKind, KeptWork>();
  readonly #stopped: AbortSignal;
  readonly #handed: ReadonlySet<string>;

  constructor(job: Job) {
    this.#job = job;
    this.#stopped = soonAfter(job.stop);
    this.#handed = handedNames(job.place.paths.workspace);
  }

  get all(): KeptWork {
    const parts = [...this.#parts.values()];
    return {
      patchBytes: this.#parts.get('patch')?.patchBytes ?? 0,
      outputs: this.#parts.get('outputs')?.outputs ?? [],
      leftOut: parts.flatMap(({ leftOut }) => leftOut),
      redacted: parts.flatMap(({ redacted }) => redacted),
    };
  }

  /** Keeps one part as it is now; gives the outcome, which is another one when that failed. */
  async keep(kind: CaptureKind, outcome: Outcome): Promise<Outcome> {
    this.#parts.set(kind, nothingKept);
    return this.#job.times.during('capture', async () => {
      const before = readCgroupEvents();
      try {
        const signal = captureSignal({ stopped: this.#stopped, abandoned: this.#job.abandoned }, this.#job.clock);
        return await (kind === 'patch' ? this.#keepPatch(outcome, signal) : this.#keepOutputs(outcome, signal));
      } catch (error) {
        const { redactor, place, spec } = this.#job;
        complain(redactor, 'capture the work', error);
        const problem = captureProblem(error, spec.limits, eventsSince(place, before).memoryKills);
        this.#leaveOut(kind, problem.message);
        return captureFailure(outcome, problem);
      }
    });
  }

  /** Keeps what no block kept. Outputs first: a patch may take long to make, and a stop leaves little time. */
  async keepRest(outcome: Outcome): Promise<Outcome> {
    let last = outcome;
    for (const kind of ['outputs', 'patch'] as const) if (!this.#parts.has(kind)) last = await this.keep(kind, last);
    return last;
  }

  /** Also where the work failed already, and this is not the failure that is told: what is missing is never silently so. */
  #leaveOut(kind: CaptureKind, reason: string): void {
    const part = this.#parts.get(kind) ?? nothingKept;
    this.#parts.set(kind, { ...part, leftOut: [...part.leftOut, `the ${kind}: ${reason}`] });
  }

  async #keepOutputs(outcome: Outcome, signal: AbortSignal): Promise<Outcome> {
    const { kept, endedBy } = await captureOutputs(this.#job, signal);
    this.#parts.set('outputs', kept);
    if (endedBy !== undefined) throw endedBy;
    return outcome;
  }

  async #keepPatch(outcome: Outcome, signal: AbortSignal): Promise<Outcome> {
    const { kept, shownFromStart } = await captureWorktree(this.#job, { signal, handed: this.#handed });
    this.#parts.set('patch', kept);
    if (shownFromStart === undefined || outcome.outcome === 'failed') return outcome;
    const path = shownFromStart.slice(0, 200);
    return failedWith(outcome)('refused', `The patch would show a secret that "${path}" held from the start`);
  }
}
